"""`python -m gram`: see `gram.cli`."""

import sys

from gram.cli import main

if __name__ == "__main__":
    sys.exit(main())
