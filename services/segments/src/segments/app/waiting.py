"""What a rule waits for before its members can be computed."""

from collections.abc import Callable, Iterable

from segments.app.rule_reading import ReadRule
from segments.domain.changes import FeatureState
from segments.domain.frozen import Frozen
from segments.domain.segment import State
from segments.store.ports import TenantIndex


def waits(
    rule: ReadRule, columns: Iterable[str], index: TenantIndex, state_of: Callable[[str], State | None]
) -> tuple[State, str]:
    """What the index says of a rule's parts, with a note: LIVE when all of them are whole. `columns` are those that the
    rule reads; `state_of` answers where another segment stands, None for one that is not there."""
    for tag_id in sorted(rule.tags):
        if tag_id not in index.tags:
            return State.FAILED, f"tag '{tag_id}' is gone"
    for name in sorted(rule.segments):
        state = state_of(name)
        if state is None or state is State.FAILED:
            return State.FAILED, f"segment '{name}' failed or is gone"
        if state is State.PREPARING:
            return State.PREPARING, f"waits for segment '{name}'"
    for form in sorted(rule.forms):
        feature = index.features.get(form)
        if feature is None:
            return State.PREPARING, f"waits for {form}"
        if feature.state is FeatureState.FAILED:
            return State.FAILED, f"{form} could not be computed: {feature.failure}"
        if feature.state is not FeatureState.LIVE:
            done = f"{feature.done_count} of {feature.total_count} persons computed"
            return State.PREPARING, f"{form}: {done}"
    if damage := index.damage_of(columns):
        return State.PREPARING, damage
    return State.LIVE, ""


def until_then(note: str, kept: Frozen) -> str:
    """The note of a segment whose members stand while it waits."""
    return f"{note}; until then the members are those of {kept.time.isoformat(timespec='seconds')}"
