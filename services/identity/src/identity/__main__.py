"""`python -m identity`."""

import sys

from identity.main import main

if __name__ == "__main__":
    sys.exit(main())
