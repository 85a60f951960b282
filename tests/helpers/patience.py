"""How long a test waits for what must happen: one limit for all, since machines are shared and may be busy.

No test asserts that something took little time on the clock: what must be quick is measured in processor time, or
beside something else in the same run.
"""

PATIENCE = 240  # seconds
