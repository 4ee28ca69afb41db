"""`python -m activation`."""

import sys

from activation.main import main

sys.exit(main())
