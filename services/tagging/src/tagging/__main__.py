"""`python -m tagging`."""

import sys

from tagging.main import main

if __name__ == "__main__":
    sys.exit(main())
