"""Tagging's columns of events, evaluator and kernels over the crowd's events."""

import datetime as dt
import shutil
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rules.check import check_form
from rules.evaluate.events import Column, Events
from rules.evaluate.events.rows import RowReader
from rules.evaluate.setting import Setting
from rules.schema import Catalogue, EventType
from rules.tree import Unit
from rules.values import SCALE, Kind
from tagging.app.behaviour.histories import track_of
from tagging.domain.behaviour.engine import BehaviourEngine
from tagging.domain.behaviour.funnel import Funnel, persons_by_step
from tagging.domain.behaviour.retention import FIRST, RETURN, Retention, period_days
from tagging.domain.behaviour.tracks import Track
from tagging.domain.columns import EPOCH, microseconds
from tagging.kernels.loading import Kernels
from tagging.store.dictionary_file import standard_dictionary
from tagging.store.event_columns import Counting, Slots, SnapshotEvents
from tagging.store.event_read_ports import NO_MARK
from tagging.store.mapped_columns import MappedColumns

from benches.segments_events_crowd import DAY_US, DAYS, FUNNEL, NAMES, NOW_US, Crowd

SECOND_KEY_SHARE = 0.1
FILE = "all"
WAIT_S = 300
WITHIN_US = 7 * DAY_US
COHORTS = DAYS // 7
FORMS = {
    "rfm": (
        "DAYS SINCE(LAST(order_paid))",
        "COUNT(order_paid) IN LAST 90 DAYS",
        "SUM(order_paid.amount) IN LAST 90 DAYS",
    ),
    "count": ("COUNT(add_to_cart) IN LAST 30 DAYS >= 3",),
    "sequence": ("SEQUENCE(add_to_cart THEN order_paid WITHOUT coupon_received WITHIN 7 DAYS)",),
    "period": ("SUM(order_paid.amount) IN LAST 30 DAYS < 0.5 * SUM(order_paid.amount) IN PREVIOUS 30 DAYS",),
}
Answer = tuple[int, ...]


class Ours:
    """A build of mapped columns and the tables of a snapshot over it. Use it as a context."""

    def __init__(self, crowd: Crowd) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="segments-bench-"))
        self._persons = crowd.persons
        dictionary = standard_dictionary()
        mapped = MappedColumns(self._folder, lambda: uuid.uuid4().hex)
        owners = _build(mapped, crowd)
        build = mapped.current("bench")
        assert build is not None
        self._build = build
        self._slots = Slots.between(owners, np.arange(1, crowd.persons + 1))
        self._kernels = Kernels()
        if not self._kernels.wait(WAIT_S):
            raise RuntimeError("the kernels are not compiled")
        schema = Catalogue.of(events=dictionary.events.values())
        self.setting = Setting(schema, EPOCH + dt.timedelta(microseconds=NOW_US))
        self._types = {name: dictionary.events[name] for name in NAMES}
        self._forms = {
            name: [check_form(each, schema).form for each in forms] for name, forms in FORMS.items()
        }
        self.forget()

    def __enter__(self) -> "Ours":
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def forget(self) -> None:
        """A new snapshot."""
        self._source = SnapshotEvents(
            self._chunks, self._slots, lambda _: Counting(np.zeros(0, np.int64), 0), {}, self._kernels
        )

    def sizes(self) -> dict[str, int]:
        """Of what is on disk."""
        files = self._folder.rglob("*.npy")
        return {"columns_mb": sum(each.stat().st_size for each in files) >> 20}

    def _chunks(self, type_: EventType) -> Any:
        return [self._build.chunk(type_.name, frozenset([FILE]))]

    def work_out(self, question: str) -> Any:
        """What a question finds: columns and truths of everybody, or how many."""
        own: dict[str, Callable[[], Answer]] = {"funnel": self._funnel, "retention": self._retention}
        if question in own:
            return own[question]()
        events = Events(self._source, self.setting)
        return [self._told(events, each) for each in self._forms[question]]

    def answer(self, question: str) -> Answer:
        """Persons and sums that tell answers apart."""
        found = self.work_out(question)
        if isinstance(found, tuple):
            return found
        if question == "rfm":
            recency, frequency, monetary = found
            return (
                int(recency.known.sum()),
                int(recency.data[recency.known].sum()) // SCALE,
                int(frequency.data.sum()) // SCALE,
                int(monetary.data.sum()) // (SCALE // 100),
            )
        return (int(np.count_nonzero(found[0])),)

    def _told(self, events: Events, form: Any) -> Any:
        kind = type(form).__name__
        return events.truths(form) if kind in {"Compare", "Sequence"} else events.values(form)

    def _track(self, name: str, *flags: int) -> Track:
        type_ = self._types[name]
        table = self._source.events(type_)
        wanted = {1 << each: (name, None) for each in flags}
        everybody = np.ones(self._persons, np.bool_)
        return track_of(table, RowReader(self.setting, type_, table), wanted, everybody, whole=False)

    def _engine(self, tracks: list[Track]) -> BehaviourEngine:
        return self._kernels.of(sum(len(each.owners) for each in tracks), lambda: False)

    def _funnel(self) -> Answer:
        tracks = [self._track(name, step) for step, name in enumerate(FUNNEL)]
        asked = Funnel(len(FUNNEL), WITHIN_US, strict=False, from_us=0, before_us=NOW_US + 1)
        last = self._engine(tracks).reached(tracks, asked, self._persons)
        return tuple(persons_by_step(last, asked.steps))

    def _retention(self) -> Answer:
        calendar = self.setting.calendar
        first = calendar.day_of(EPOCH + dt.timedelta(microseconds=NOW_US - DAYS * DAY_US))
        starts = [
            microseconds(calendar.midnight(each))
            for each in period_days(first, Unit.WEEK, 2 * COHORTS - 1, calendar)
        ]
        asked = Retention(tuple(starts), COHORTS, COHORTS)
        tracks = [self._track("view_item", FIRST, RETURN)]
        engine = self._engine(tracks)
        counted = engine.matrix(*engine.returns(tracks, asked, self._persons), asked)
        later = [count for cohort in counted.returned for count in cohort[1:]]
        return (*counted.sizes, *later)


def _build(mapped: MappedColumns, crowd: Crowd) -> Any:
    """Writes the columns; by key the person. Key and person n + 1 are the crowd's n; second keys are above."""
    draw = np.random.default_rng(7)
    active = np.unique(crowd.people)
    second = np.zeros(crowd.persons, np.int64)
    chosen = active[draw.random(len(active)) < SECOND_KEY_SHARE]
    second[chosen] = crowd.persons + 1 + np.arange(len(chosen))
    owners = np.concatenate([np.arange(crowd.persons + 1), chosen + 1])
    writer = mapped.begin("bench")
    for number, name in enumerate(NAMES):
        places = np.flatnonzero(crowd.types == number)
        keys = crowd.people[places].astype(np.int64) + 1
        other = second[crowd.people[places]]
        keys = np.where((other > 0) & (draw.random(len(keys)) < 0.5), other, keys)
        order = np.argsort(keys, kind="stable")
        keys, places = keys[order], places[order]
        writer.array(name, "key", keys)
        writer.array(name, "time", crowd.times[places])
        writer.array(name, "sequence", places)
        writer.array(name, "file", np.zeros(len(places), np.int32))
        if name == "order_paid":
            amounts = crowd.amounts[places].astype(np.int64) * (SCALE // 100)
            writer.column(name, "amount", Column(Kind.NUMBER, np.ones(len(places), np.bool_), amounts))
    mapped.publish("bench", writer, [FILE], len(crowd.people), NO_MARK)
    return owners
