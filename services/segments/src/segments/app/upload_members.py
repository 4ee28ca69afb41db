"""Takes the members of static segments from lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
from pyroaring import BitMap
from rules.check import Population
from segments.app.segments import Segments
from segments.app.version import Board
from segments.domain.people import Actor
from segments.domain.upload import MAX_ENTRIES, MAX_PERSON_ID, Match, Upload
from segments.store.ports import TenantIndex
from servicekit.errors import BatchTooLarge
from servicekit.revision import Revision

RESOLVED_AT_ONCE = 1_000


class Mode(Enum):
    """What becomes of the members that are there."""

    REPLACE = "replace"
    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Named:
    """An identifier as the list wrote it."""

    namespace: str
    value: str
    scope: str


class Resolve(Protocol):
    """Identity's matching."""

    async def __call__(self, tenant: str, identifiers: Sequence[Named], source: str) -> list[Match]:
        """One for each of at most 1,000, in order. Raises UpstreamUnavailable."""
        ...


class UploadMembers:
    """The use case; nothing is changed before `finish`."""

    def __init__(self, board: Board, segments: Segments, resolve: Resolve) -> None:
        self._board = board
        self._segments = segments
        self._resolve = resolve

    def begin(self, tenant: str, segment_id: str, actor: Actor) -> Upload:
        """Raises ResourceNotFound, StepForbidden, WrongState."""
        self._segments.require_static(self._board.current, tenant, segment_id, actor)
        return Upload()

    async def take_persons(self, tenant: str, upload: Upload, person_ids: Sequence[int]) -> None:
        """Raises BatchTooLarge."""
        _require_room(upload, len(person_ids))
        index = self._board.current.tenant(tenant).index
        if person_ids:
            await self._board.compute(lambda: _take(index, upload, person_ids))

    async def take_identifiers(
        self, tenant: str, upload: Upload, identifiers: Sequence[Named], source: str
    ) -> None:
        """Raises BatchTooLarge, UpstreamUnavailable."""
        _require_room(upload, len(identifiers))
        index = self._board.current.tenant(tenant).index
        for start in range(0, len(identifiers), RESOLVED_AT_ONCE):
            found = await self._resolve(tenant, identifiers[start : start + RESOLVED_AT_ONCE], source)
            upload.take(
                each if each.problem else Match(index.living(each.person_id) or each.person_id)
                for each in found
            )

    async def finish(
        self, tenant: str, segment_id: str, mode: Mode, upload: Upload, actor: Actor
    ) -> tuple[int, Revision]:
        """Exchanges the members in one transaction; answers how many there are. Raises as `begin`."""

        def changed(before: BitMap, index: TenantIndex) -> BitMap:
            match mode:
                case Mode.REPLACE:
                    return upload.persons
                case Mode.ADD:
                    return before | upload.persons
                case Mode.REMOVE:
                    return before - upload.persons - _who_became(index, before, upload.persons)

        return await self._segments.set_members(tenant, segment_id, changed, actor)


def _take(index: TenantIndex, upload: Upload, person_ids: Sequence[int]) -> None:
    """A hundred thousand ids take milliseconds; of those who are not alive each is looked up."""
    persons = np.fromiter(person_ids, np.int64, len(person_ids))
    is_rubbish = (persons <= 0) | (persons > MAX_PERSON_ID)
    persons[is_rubbish] = 0
    alive = index.population(Population.ALL)
    others = BitMap(persons[~is_rubbish].astype(np.uint32)) - alive
    is_other = np.isin(persons, np.asarray(others.to_array(), np.int64))
    persons[is_other] = [index.living(each) for each in persons[is_other].tolist()]
    upload.take_persons(persons, is_rubbish, "is no person id")


def _who_became(index: TenantIndex, members: BitMap, persons: BitMap) -> BitMap:
    """The ids among members that lead to one of the persons today."""
    others = members - index.population(Population.ALL)
    return BitMap(person_id for person_id in others if index.living(person_id) in persons)


def _require_room(upload: Upload, count: int) -> None:
    if upload.total + count > MAX_ENTRIES:
        raise BatchTooLarge("entries", upload.total + count, MAX_ENTRIES)
