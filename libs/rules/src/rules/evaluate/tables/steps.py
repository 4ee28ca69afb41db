"""LIMIT and SAMPLE over columns of answers, a row per person of the population."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rules.errors import UnsupportedNode
from rules.evaluate.selection import WHOLE, sample_bound, seed_number
from rules.tree import Limit, Sample, TagRef

from . import exact
from .compiler import EVALUATOR
from .source import BirthHashSource, TableSource

if TYPE_CHECKING:
    import ibis.expr.types as ir

_HASH = "$birth_hash"
_PLACE = "$place"
_TOTAL = "$total"


def ordered_by(tag: TagRef) -> str:
    """The column that holds the tag's values for LIMIT."""
    return f"$by.{tag.name}"


def narrowed(
    answers: "ir.Table", steps: Mapping[str, tuple[Limit | Sample, ...]], source: TableSource
) -> "ir.Table":
    """The answers where the column of each of these names holds of those alone whom its steps leave. Raises
    UnsupportedNode when the source has no birth hashes."""
    import ibis

    if not isinstance(source, BirthHashSource):
        first = next(iter(steps.values()))[0]
        raise UnsupportedNode(f"{type(first).__name__.upper()} over tables without birth hashes", EVALUATOR)
    hashes = source.birth_hashes().select("person_id", **{_HASH: source.birth_hashes().birth_hash})
    answers = answers.left_join(hashes, "person_id", rname="$hashed.{name}").drop("$hashed.person_id")
    answers = answers.mutate(**{_HASH: answers[_HASH].fill_null(ibis.literal(0, type="uint64"))})
    for turn in range(max(map(len, steps.values()))):
        answers = _turn(answers, {name: each[turn] for name, each in steps.items() if turn < len(each)})
    return answers


def _turn(answers: "ir.Table", steps: Mapping[str, Limit | Sample]) -> "ir.Table":
    """One step of each of the columns, all at once."""
    limits = {name: each for name, each in steps.items() if isinstance(each, Limit)}
    places = {f"{_PLACE}.{name}": _place(answers, name, each) for name, each in limits.items()}
    totals = {
        f"{_TOTAL}.{name}": _total(answers, name) for name, each in limits.items() if each.percent is not None
    }
    ranked = answers.mutate(**places, **totals) if limits else answers
    kept = {name: ranked[name] & _stays(ranked, name, each) for name, each in steps.items()}
    return ranked.mutate(**kept).drop(*places, *totals) if places else ranked.mutate(**kept)


def _place(answers: "ir.Table", name: str, step: Limit) -> Any:
    """Among all rows, from 0: those that are left stand first."""
    import ibis

    value = answers[ordered_by(step.by)]
    order = [value.isnull(), value.desc() if step.descending else value, answers[_HASH], answers.person_id]
    return ibis.row_number().over(ibis.window(order_by=[answers[name].desc(), *order]))


def _total(answers: "ir.Table", name: str) -> Any:
    import ibis

    return answers[name].cast("int64").sum().over(ibis.window())


def _stays(ranked: "ir.Table", name: str, step: Limit | Sample) -> Any:
    import ibis

    if isinstance(step, Sample):
        if step.percent == WHOLE:
            return ibis.literal(True)
        bound = ibis.literal(sample_bound(step), type="uint64")
        return exact.sample_hash(ranked[_HASH], seed_number(step.seed)) < bound
    limit: Any = ibis.literal(step.count, type="int64")
    if step.percent is not None:
        total = ranked[f"{_TOTAL}.{name}"]
        limit = exact.floor_divide(total * step.percent + (WHOLE - 1), WHOLE)
    return ranked[f"{_PLACE}.{name}"] < limit
