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
_RANK = "$rank"
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
    for name, each in steps.items():
        for step in each:
            answers = (
                _sampled(answers, name, step) if isinstance(step, Sample) else _limited(answers, name, step)
            )
    return answers


def _sampled(answers: "ir.Table", name: str, step: Sample) -> "ir.Table":
    import ibis

    if step.percent == WHOLE:
        return answers
    bound = ibis.literal(sample_bound(step), type="uint64")
    is_below = exact.sample_hash(answers[_HASH], seed_number(step.seed)) < bound
    return answers.mutate(**{name: answers[name] & is_below})


def _limited(answers: "ir.Table", name: str, step: Limit) -> "ir.Table":
    import ibis

    member, value = answers[name], answers[ordered_by(step.by)]
    order = [
        member.desc(),
        value.isnull(),
        value.desc() if step.descending else value,
        answers[_HASH],
        answers.person_id,
    ]
    total: Any = member.cast("int64").sum().over(ibis.window())
    ranked = answers.mutate(**{_RANK: ibis.row_number().over(ibis.window(order_by=order)), _TOTAL: total})
    bound: Any = ibis.literal(step.count, type="int64")
    if step.percent is not None:
        bound = exact.floor_divide(ranked[_TOTAL] * step.percent + (WHOLE - 1), WHOLE)
    return ranked.mutate(**{name: ranked[name] & (ranked[_RANK] < bound)}).drop(_RANK, _TOTAL)
