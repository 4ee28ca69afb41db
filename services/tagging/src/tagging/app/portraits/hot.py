"""Answers portraits from hot copies where these are right, and from the store otherwise; both say the same."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from servicekit.database import Database
from servicekit.revision import Revision
from sqlalchemy import Connection
from tagging.app.portraits.compose import ComposedPortrait, ComposePortraits
from tagging.app.portraits.looks import Look
from tagging.app.portraits.movements import Movements
from tagging.errors import PersonUnknown
from tagging.store.portrait_ports import HotCopies, HotCopy, NearCopies, Version


@dataclass(frozen=True, slots=True)
class Answer:
    """An encoded portrait, and what it holds at."""

    payload: bytes
    revision: Revision


class HotPortraits:
    """`copies` are asked in turn after `near`, which answers at once; `encode` makes the payload of a portrait.

    hits, misses  answers from copies and from the store, since the start
    """

    def __init__(
        self,
        database: Database,
        compose: ComposePortraits,
        movements: Movements,
        near: NearCopies,
        copies: HotCopies,
        encode: Callable[[ComposedPortrait], bytes],
    ) -> None:
        self._database = database
        self._compose = compose
        self._movements = movements
        self._near = near
        self._copies = copies
        self._encode = encode
        self.hits = 0
        self.misses = 0

    async def one(self, tenant: str, person_id: int, look: Look) -> Answer:
        """Raises PersonUnknown, ResourceNotFound (a tag, the template), TemplateForbidden."""
        movements = self._movements
        if movements.is_current or await movements.catch_up():
            near = self._near.one(tenant, person_id, look.shape)
            if near is not None and movements.holds(tenant, person_id, near.version):
                self.hits += 1
                return Answer(near.payload, movements.revision)
        payloads, revision = await self.several(tenant, [person_id], look)
        if payloads[0] is None:
            raise PersonUnknown(person_id)
        return Answer(payloads[0], revision)

    async def several(
        self, tenant: str, person_ids: Sequence[int], look: Look
    ) -> tuple[list[bytes | None], Revision]:
        """In the order of the ids, None for one that stands for nobody; all of one moment. Raises as `one` but
        PersonUnknown."""
        right: dict[int, HotCopy] = {}
        if await self._movements.catch_up():
            copies = await self._copies.get(tenant, set(person_ids), look.shape)
            right = {each: copy for each, copy in copies.items() if self._holds(tenant, each, copy)}
        missing = [each for each in dict.fromkeys(person_ids) if each not in right]
        if not missing:
            self.hits += len(person_ids)
            return [right[each].payload for each in person_ids], self._movements.revision
        payloads, revision = await self._from_store(tenant, missing, look)
        if right:  # they must be right at the moment of the others, too
            await self._movements.look()
            if not all(self._holds(tenant, each, copy) for each, copy in right.items()):
                payloads, revision = await self._from_store(tenant, list(dict.fromkeys(person_ids)), look)
                right = {}
        self.hits += len(right)
        payloads |= {each: copy.payload for each, copy in right.items()}
        return [payloads.get(each) for each in person_ids], revision

    def _holds(self, tenant: str, person_id: int, copy: HotCopy) -> bool:
        return self._movements.holds(tenant, person_id, copy.version)

    async def _from_store(
        self, tenant: str, person_ids: Sequence[int], look: Look
    ) -> tuple[dict[int, bytes], Revision]:
        """What the store says, by the id asked for; copies of it are kept."""
        self.misses += len(person_ids)
        payloads, revision, fresh = await self._database.read(self._read, tenant, person_ids, look)
        await self._copies.put(tenant, look.shape, fresh)
        return payloads, revision

    def _read(
        self, connection: Connection, tenant: str, person_ids: Sequence[int], look: Look
    ) -> tuple[dict[int, bytes], Revision, Mapping[int, HotCopy]]:
        composed = self._compose(connection, tenant, person_ids, look)
        encoded = {
            portrait.person.person_id: self._encode(portrait) for portrait in composed.portraits.values()
        }
        version = Version(composed.revision.epoch, composed.revision.live)
        payloads = {
            asked: encoded[portrait.person.person_id] for asked, portrait in composed.portraits.items()
        }
        fresh = {person_id: HotCopy(version, payload) for person_id, payload in encoded.items()}
        return payloads, composed.revision, fresh
