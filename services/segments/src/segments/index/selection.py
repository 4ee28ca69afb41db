"""The index as the block engine reads it. Plain columns are put into containers when a rule first asks for one, and
kept until they change: those of features computed for one question, and of a tenant that is not settled yet."""

from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar, cast

from pyroaring import BitMap
from rules.check import Population
from rules.errors import UnsupportedNode
from rules.evaluate.bitmaps import TagBitmaps
from rules.evaluate.setting import Setting
from rules.tree import Condition
from rules.values import Kind, ValueType

from segments.domain.changes import BLOCK_BITS
from segments.domain.plan import Step
from segments.domain.shared_parts import SharedParts
from segments.engine.algebra import All, Any, InRange, InSet, Sets, normal
from segments.engine.answers import members
from segments.engine.columns import TagColumn
from segments.engine.computed import Computed
from segments.engine.conditions import ENGINE, Given, Shared, nothing_shared, sets_of
from segments.engine.containers import BLOCK_BYTES
from segments.engine.encoding import tag_column
from segments.engine.explanation import Explanations
from segments.engine.members import members_of
from segments.engine.program import program_of
from segments.engine.sets import SetColumn
from segments.engine.threads import Cancellation
from segments.index.columns import ScalarColumn
from segments.index.contained import ContainedColumn, threads
from segments.index.lists import ListColumn

KEPT_BYTES = 1 << 30
"""What the columns of one tenant take, at most; those asked for last stay."""
Kept = Callable[[Condition, Callable[[], BitMap]], BitMap]
"""Whom a condition is true of: as it was kept, or computed and then kept."""
Made = TypeVar("Made", TagColumn, SetColumn)


class EngineColumns:
    """What was made for one tenant, shared by the versions of its index. Safe for threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[int, TagColumn | SetColumn]] = OrderedDict()
        self._lock = Lock()

    def of(self, name: str, stamp: int, make: Callable[[], Made]) -> Made:
        """What was made of the content with this stamp."""
        with self._lock:
            kept = self._kept.get(name)
            if kept is None or kept[0] != stamp:
                kept = self._kept[name] = (stamp, make())
            self._kept.move_to_end(name)
            while len(self._kept) > 1 and sum(map(_bytes, self._kept.values())) > KEPT_BYTES:
                self._kept.popitem(last=False)
            return kept[1]  # type: ignore[return-value]  # a name is always of one kind


@dataclass(frozen=True, slots=True)
class EngineView:
    """One version of an index, as the engine's TagColumns. `stamp`: of its universe."""

    columns: EngineColumns
    view: TagBitmaps
    stamp: int
    blocks: int

    def universe(self, population: Population) -> SetColumn:
        return self.columns.of(
            f"population {population.name}",
            self.stamp,
            lambda: members_of(self.view.universe(population), self.blocks).column(),
        )

    def tag(self, name: str) -> TagColumn:
        return self._column(f"tag {name}", self.view.tag(name))

    def feature(self, form: str) -> TagColumn:
        return self._column(f"feature {form}", self.view.feature(form))

    def segment(self, name: str) -> SetColumn:
        return members_of(self.view.segment(name), self.blocks).column()

    def _column(self, name: str, source: object) -> TagColumn:
        if isinstance(source, ContainedColumn):
            return source.tag
        assert isinstance(source, ScalarColumn | ListColumn)
        return self.columns.of(name, source.stamp, lambda: _made(name, source))


def select(
    condition: Condition,
    view: EngineView,
    setting: Setting,
    population: Population,
    kept: Kept,
    parts: SharedParts | None = None,
) -> BitMap:
    """The persons of the population of whom a checked condition is true; `parts`: of several rules that are asked over
    this version. Raises LookupError for what the index does not
    have, NumberOverflow, and UnsupportedNode for a rule or a column that is too large for the engine."""
    universe = view.universe(population)
    shared = nothing_shared if parts is None else _shared_by(parts, population, universe)
    wanted = sets_of(condition, view, setting, given_by(view, setting, population, kept), shared)
    try:
        program = program_of([wanted], universe)
    except ValueError as error:
        raise UnsupportedNode("so deep a rule", ENGINE) from error
    return members(program, threads())[0].bitmap()


def _shared_by(parts: SharedParts, population: Population, universe: SetColumn) -> Shared:
    """Evaluates each of the parts once, as far as there is room for the answers."""

    wanted = parts.wanted.get(population, {})

    def answered(condition: Condition, found: Callable[[Condition], Sets]) -> Sets:
        number = wanted.get(id(condition))
        if number is None:
            return found(condition)
        kept = parts.answers.get(number)
        if kept is None:
            kept = parts.answers[number] = whole(normal(found(condition)))
        return cast(Sets, kept)

    def whole(sets: Sets) -> Sets:
        size = universe.blocks * BLOCK_BYTES
        if not isinstance(sets, All | Any | InRange) or size > parts.bytes_left:
            return sets
        try:
            program = program_of([sets], universe)
        except ValueError:
            return sets
        parts.bytes_left -= size
        return InSet(members(program, threads())[0].column(), 0)

    return answered


def explain(
    condition: Condition,
    view: EngineView,
    setting: Setting,
    population: Population,
    kept: Kept,
    asked: Collection[str],
    cancellation: Cancellation | None,
) -> tuple[int, Step]:
    """(blocks of the population, the condition part by part). Raises as `select`, and Cancelled."""
    given = given_by(view, setting, population, kept, cancellation)
    universe = view.universe(population)
    explanations = Explanations(view, universe, setting, threads(), given, asked, cancellation)
    try:
        return explanations.blocks, explanations.of(condition)
    except ValueError as error:
        raise UnsupportedNode("so deep a rule", ENGINE) from error


def given_by(
    view: EngineView,
    setting: Setting,
    population: Population,
    kept: Kept,
    cancellation: Cancellation | None = None,
) -> Given:
    """What answers leaves that no container does: each person's values, block by block. That takes long, so who shares
    such a leaf shares its answer."""
    universe = view.universe(population)
    computed = Computed(view, universe, setting, threads(), cancellation)

    def given(leaf: Condition) -> SetColumn:
        def compute() -> BitMap:
            return members(program_of([InSet(computed(leaf), 0)], universe), threads())[0].bitmap()

        return members_of(kept(leaf, compute), view.blocks).column()

    return given


def blocks_of(everybody: BitMap) -> int:
    """How many blocks hold persons, from the first on."""
    return (everybody.max() >> BLOCK_BITS) + 1 if everybody else 0


def _made(name: str, source: ScalarColumn | ListColumn) -> TagColumn:
    blocks = {each: source.block(each) for each in source.blocks()}
    type_ = ValueType(Kind.LIST, source.kind) if isinstance(source, ListColumn) else ValueType(source.kind)
    try:
        return tag_column(type_, blocks, max(blocks, default=-1) + 1, threads())
    except ValueError as error:
        raise UnsupportedNode(f"{name}, which has too many values", ENGINE) from error


def _bytes(kept: tuple[int, TagColumn | SetColumn]) -> int:
    column = kept[1]
    return column.column.bytes if isinstance(column, TagColumn) else column.bytes
