"""`python -m app.jobs` is a worker."""

import sys

from app.jobs.worker import main

sys.exit(main())
