"""`python -m segments`."""

import sys

from segments.main import main

sys.exit(main())
