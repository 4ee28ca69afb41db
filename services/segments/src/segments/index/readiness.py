"""Whether the block engine can answer; bitmaps answer until its kernels are compiled."""

from servicekit.kernels.readiness import Readiness


def _prepare() -> None:
    from segments.engine.compiling import compile_ahead
    from segments.index.contained import threads

    compile_ahead(threads())


engine_is_ready = Readiness(_prepare, "bitmaps answer in place of the block engine")
"""That of this process."""
