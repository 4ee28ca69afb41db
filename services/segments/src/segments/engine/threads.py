"""The threads that the engine's kernels run on: those of all kernels of the process."""

from servicekit.kernels.threads import Cancellation, Cancelled, Threads

__all__ = ["Cancellation", "Cancelled", "Threads"]
