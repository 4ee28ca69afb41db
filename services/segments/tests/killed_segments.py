"""Segments for tests that kill it: a few persons are many, and columns are written to files after a few changes."""

import sys

from segments import main
from segments.app import settle_columns
from segments.index import answering, settling
from segments.workers import upkeep

if __name__ == "__main__":
    answering.BY_BLOCKS_FROM = 1
    settling.SINCE_LEAST = 10
    settle_columns.TIDIED_EACH = 10
    upkeep.SETTLING_S = 0.05
    sys.exit(main.main())
