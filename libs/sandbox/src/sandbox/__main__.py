"""python -m sandbox --data FOLDER --settings FILE [--port N] [--seed N] [--clock FILE]"""

import sys

from sandbox.main import main

if __name__ == "__main__":
    sys.exit(main())
