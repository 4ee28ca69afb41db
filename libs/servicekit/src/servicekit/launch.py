"""Starts a service's program."""

import gc
from importlib import import_module


def launch(module: str) -> int:
    """The exit code of a module's `main`. Python looks for no garbage while it imports, and never again among what it
    has imported: a seventh of a start, and the better part of every full collection."""
    gc.disable()
    main = import_module(module).main
    gc.freeze()
    gc.enable()
    return int(main())
