"""`make bench NAME=rules`: one bench, or all of them."""

import importlib
import sys

BENCHES = ("delivery_email", "identity", "matching", "rules", "segments", "tagging")


def main() -> int:
    """Runs the named benches; all without a name. Returns the exit code."""
    names = sys.argv[1:] or list(BENCHES)
    unknown = sorted(set(names) - set(BENCHES))
    if unknown:
        print(f"no bench is named {', '.join(unknown)}; there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    for name in names:
        importlib.import_module(f"benches.{name}").main()
    return 0


sys.exit(main())
