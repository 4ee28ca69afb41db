"""`python -m identity`."""

import sys

from servicekit.launch import launch

if __name__ == "__main__":
    sys.exit(launch("identity.main"))
