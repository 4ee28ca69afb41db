"""Starts a service's program."""

import atexit
import gc
from importlib import import_module


def launch(module: str) -> int:
    """The exit code of a module's `main`. Python looks for no garbage while it imports, and never again among what it
    has imported: a seventh of a start, and the better part of every full collection."""
    gc.disable()
    main = import_module(module).main
    gc.freeze()
    atexit.register(gc.unfreeze)  # what is frozen at the very end counts as leaked to DuckDB's bindings
    gc.enable()
    return int(main())
