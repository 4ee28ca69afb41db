"""Revision: a point in one store's changelog, one position per lane, carried as an opaque token."""

import base64
import binascii
import re
import zlib
from dataclasses import dataclass, replace
from enum import IntEnum

from huaxiang.type.v1 import revision_pb2

from servicekit.errors import RevisionForeign, RevisionMalformed

MAX_TOKEN_CHARS = 1_024
MAX_RESTS_ON = 8
_FORMAT = "1"
_SERVICE = re.compile(r"[a-z][a-z0-9_]{0,31}")
_EPOCH = re.compile(r"[0-9a-f]{16}")
_MAX_POSITION = 2**63 - 1


class Lane(IntEnum):
    """The two lanes; the numbers are those of huaxiang.type.v1.Lane."""

    LIVE = 1
    BULK = 2


LANES = (Lane.LIVE, Lane.BULK)


@dataclass(frozen=True)
class Revision:
    """`live` and `bulk` are positions of one position space; 0 asks for nothing in that lane.

    `epoch` is 16 hex digits that sort by time of making: a restore of the store gives it a later one.
    `rests_on` holds revisions of services to the left that the change was computed from; at most 8.
    """

    service: str
    epoch: str
    live: int = 0
    bulk: int = 0
    rests_on: "tuple[Revision, ...]" = ()

    def position(self, lane: Lane) -> int:
        """The position in one lane."""
        return self.live if lane is Lane.LIVE else self.bulk

    def at(self, lane: Lane, position: int) -> "Revision":
        """The same revision with another position in one lane."""
        return replace(self, live=position) if lane is Lane.LIVE else replace(self, bulk=position)

    def only(self, lane: Lane) -> "Revision":
        """The same revision with 0 in the other lane."""
        return replace(
            self, live=0 if lane is Lane.BULK else self.live, bulk=0 if lane is Lane.LIVE else self.bulk
        )

    def covers(self, other: "Revision") -> bool:
        """Whether everything at or before `other` is at or before this; false for another service or
        epoch."""
        return (
            self.service == other.service
            and self.epoch == other.epoch
            and self.live >= other.live
            and self.bulk >= other.bulk
        )

    def merge(self, other: "Revision") -> "Revision":
        """The least revision that covers both. Raises RevisionForeign for another service or epoch."""
        if self.service != other.service or self.epoch != other.epoch:
            raise RevisionForeign(other.service, f"cannot be merged with one of {self.service!r}")
        rests_on = {(rest.service, rest.epoch): rest for rest in self.rests_on}
        for rest in other.rests_on:
            known = rests_on.get((rest.service, rest.epoch))
            rests_on[rest.service, rest.epoch] = rest if known is None else known.merge(rest)
        return Revision(
            self.service,
            self.epoch,
            max(self.live, other.live),
            max(self.bulk, other.bulk),
            tuple(rests_on[key] for key in sorted(rests_on)),
        )

    def token(self) -> str:
        """The opaque token: base64url of a checksummed text. Raises ValueError beyond 1,024 characters."""
        body = "|".join([_FORMAT, _point_text(self), *(_point_text(rest) for rest in self.rests_on)]).encode()
        packed = zlib.crc32(body).to_bytes(4, "big") + body
        token = base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
        if len(token) > MAX_TOKEN_CHARS or len(self.rests_on) > MAX_RESTS_ON:
            raise ValueError(
                f"a revision token of {len(token)} characters is over the limit of {MAX_TOKEN_CHARS}"
            )
        return token

    def to_proto(self) -> revision_pb2.Revision:
        """The message that carries the token."""
        return revision_pb2.Revision(token=self.token())


def parse_token(token: str) -> Revision:
    """The revision of a token. Raises RevisionMalformed with what is wrong."""
    if not token:
        raise RevisionMalformed("it is empty")
    if len(token) > MAX_TOKEN_CHARS:
        raise RevisionMalformed(f"it has {len(token)} characters, the limit is {MAX_TOKEN_CHARS}")
    try:
        packed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        body = packed[4:].decode("ascii")
    except (binascii.Error, ValueError):
        raise RevisionMalformed("it is not base64url") from None
    if zlib.crc32(packed[4:]).to_bytes(4, "big") != packed[:4]:
        raise RevisionMalformed("its checksum is wrong: it was cut or changed")
    form, *points = body.split("|")
    if form != _FORMAT or not 1 <= len(points) <= 1 + MAX_RESTS_ON:
        raise RevisionMalformed("it was made by another version")
    first, *rests = (_parse_point(point) for point in points)
    return replace(first, rests_on=tuple(rests))


def from_proto(message: revision_pb2.Revision) -> Revision | None:
    """The revision of a message, None when its token is empty. Raises RevisionMalformed."""
    return parse_token(message.token) if message.token else None


def _point_text(revision: Revision) -> str:
    return f"{revision.service}:{revision.epoch}:{revision.live}:{revision.bulk}"


def _parse_point(point: str) -> Revision:
    fields = point.split(":")
    if len(fields) != 4 or not _SERVICE.fullmatch(fields[0]) or not _EPOCH.fullmatch(fields[1]):
        raise RevisionMalformed("its content is not that of a revision")
    if not all(field.isascii() and field.isdigit() and len(field) <= 19 for field in fields[2:]):
        raise RevisionMalformed("its positions are not numbers")
    live, bulk = int(fields[2]), int(fields[3])
    if max(live, bulk) > _MAX_POSITION:
        raise RevisionMalformed("its positions are out of range")
    return Revision(fields[0], fields[1], live, bulk)
