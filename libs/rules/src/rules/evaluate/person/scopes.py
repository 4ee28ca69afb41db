"""Where names are read inside WHERE and ANY: an event, or a line of one."""

from dataclasses import dataclass
from typing import cast

from rules.evaluate.meaning import Scalar, Value
from rules.evaluate.setting import Setting
from rules.schema import DERIVED_PROPERTIES, EventType, Resolved, ValueList, resolve
from rules.schema import Scope as Place
from rules.tree import Aggregate, AnyLine, Expression, Feature, InSegment, Property, Sequence, TagRef
from rules.values import SCALE

from .facts import Event, Line, PropertyValue, ReferenceRows
from .interpreter import truth

DERIVED = frozenset(each.name for each in DERIVED_PROPERTIES)
"""By an event's time alone, whatever comes under these names."""


@dataclass(frozen=True, slots=True)
class EventScope:
    """One event; inside ANY or a line aggregate also one `line` of its list `lines`."""

    setting: Setting
    tables: ReferenceRows
    type: EventType
    event: Event
    lines: str = ""
    line: Line | None = None

    def read(self, leaf: TagRef | Property | Aggregate | Feature) -> Value | None:
        resolved = self._resolve(leaf)
        found = self._property(resolved)
        if not resolved.table:
            return cast(Value | None, found)  # the check lets no list of records through
        history = None if found is None else self.tables.get(resolved.table, {}).get(str(found))
        return None if history is None else history.at(self.event.time).get(resolved.column)

    def _property(self, resolved: Resolved) -> PropertyValue | None:
        if resolved.of_line:
            assert self.line is not None
            return self.line.get(resolved.field.name)
        name = resolved.field.name
        if name in DERIVED:
            return derived_property(self.event, name, self.setting)
        return self.event.properties.get(name)

    def list_of(self, operand: Expression) -> ValueList | None:
        return self._resolve(operand).values if isinstance(operand, Property) else None

    def _resolve(self, leaf: Expression) -> Resolved:
        if not isinstance(leaf, Property):
            raise TypeError(f"{type(leaf).__name__} has no meaning inside WHERE; evaluate a checked rule")
        return resolve(self.setting.schema, Place(self.type, self.lines), leaf.path)

    def holds(self, condition: AnyLine | InSegment | Sequence) -> bool:
        if not isinstance(condition, AnyLine):
            raise TypeError(
                f"{type(condition).__name__} has no meaning inside WHERE; evaluate a checked rule"
            )
        outcomes = [truth(condition.condition, each) for each in self.each_line(condition.list)]
        return any(outcomes)

    def each_line(self, name: str) -> "list[EventScope]":
        """A scope for each line of the event's list `name`, in their order."""
        lines = cast(tuple[Line, ...], self.event.properties.get(name) or ())
        return [EventScope(self.setting, self.tables, self.type, self.event, name, line) for line in lines]


def derived_property(event: Event, name: str, setting: Setting) -> Scalar | None:
    """What every event has by its time (DERIVED): whether its day is worked may be unknown."""
    match name:
        case "time":
            return event.time
        case "hour":
            return event.time.astimezone(setting.calendar.zone).hour * SCALE
        case "weekday":
            return event.time.astimezone(setting.calendar.zone).isoweekday() * SCALE
        case "is_workday":
            return setting.calendar.is_workday(event.time)
    raise LookupError(f"no property '{name}' comes from an event's time")
