"""How far a Watch has come: `through`, and the upstream whose every consequence is at or before it."""

from dataclasses import dataclass

from huaxiang.type.v1 import watch_pb2

from servicekit.errors import RevisionMalformed
from servicekit.revision import Revision, from_proto, parse_token


@dataclass(frozen=True)
class Progress:
    """Consumers store both in the transaction that applies the changes that came with it."""

    through: Revision
    upstream: tuple[Revision, ...] = ()

    def to_proto(self) -> watch_pb2.WatchProgress:
        """The shared message."""
        return watch_pb2.WatchProgress(
            through=self.through.to_proto(), upstream=[revision.to_proto() for revision in self.upstream]
        )


def progress_from_proto(message: watch_pb2.WatchProgress) -> Progress:
    """The progress of a message. Raises RevisionMalformed when it lacks `through` or a token is not one."""
    through = from_proto(message.through)
    if through is None:
        raise RevisionMalformed("the progress has no revision")
    return Progress(through, tuple(parse_token(revision.token) for revision in message.upstream))
