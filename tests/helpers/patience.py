"""How long a test waits for what must happen: one limit for most, since machines are shared and may be busy.

What must be quick is best measured in processor time, or beside something else in the same run. Some tests still look
at the clock, where waiting is itself the fault: a server that is away, a page that must answer meanwhile.
"""

PATIENCE = 240  # seconds
