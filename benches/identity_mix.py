"""The mix of what comes in: 70 % all known, 20 % with one new identifier, 7 % new, 3 % naming two persons."""

from collections.abc import Iterator
from random import Random

from identity.domain.record import Event, Identifier, Record

from benches.crowd import APP_ID
from benches.identity_load import SEEN_US, SOURCE, identifiers_of
from benches.identity_store import NOW_US, record_of

KNOWN, ONE_NEW, NEW, MERGING = 0.70, 0.20, 0.07, 0.03


class Mix:
    """Draws records of persons 0 to `persons` - 1, each about somebody taken at random."""

    def __init__(self, persons: int, seed: int, known: float = KNOWN) -> None:
        self._persons = persons
        self._random = Random(seed)
        self._known = known
        self._next = persons

    def sets(self) -> Iterator[tuple[Identifier, ...]]:
        """Sets of 2 to 4 identifiers, without end."""
        draw = self._random
        bounds = (self._known, self._known + ONE_NEW, self._known + ONE_NEW + NEW)
        while True:
            kind = draw.random()
            known = identifiers_of(draw.randrange(self._persons))
            if kind < bounds[0]:
                yield tuple(draw.sample(known, draw.randint(2, len(known))))
            elif kind < bounds[1]:
                self._next += 1
                yield (*draw.sample(known, draw.randint(1, 3)), self._fresh(self._next))
            elif kind < bounds[2]:
                self._next += 1
                yield identifiers_of(self._next)
            else:
                yield known[0], draw.choice(identifiers_of(draw.randrange(self._persons)))

    def records(self, prefix: str, event: Event | None = None) -> Iterator[Record]:
        """Records of today, each with an id of its own."""
        for number, identifiers in enumerate(self.sets()):
            time_us = self._random.randrange(SEEN_US, NOW_US)
            yield record_of(SOURCE, f"{prefix}{number}", time_us, identifiers, event)

    def _fresh(self, number: int) -> Identifier:
        kind = self._random.random()
        if kind < 0.5:
            return Identifier("device_id", "", f"device-{number:010d}")
        if kind < 0.8:
            return Identifier("email", "", f"c{number}@mail.example.cn")
        return Identifier("wechat_openid", f"{APP_ID}_2", f"o-open-{number:010d}")
