"""Links, conflicts, history and operations for people."""

from collections.abc import Iterable

from huaxiang.identity.v1 import link_pb2, operation_pb2

from cli.calls.identity import REASONS
from cli.enum_names import name_of
from cli.output import table

_RULES = {
    link_pb2.LINK_RULE_HUMAN: "somebody put them together",
    link_pb2.LINK_RULE_UNIQUE: "both name one person",
    link_pb2.LINK_RULE_JOINED: "the weaker joined the stronger",
    link_pb2.LINK_RULE_PROBABLE: "a model found them alike",
}


def shown_key(key: link_pb2.ShownKey) -> str:
    """phone 139****70"""
    scope = f"{key.identifier.scope}:" if key.identifier.scope else ""
    return f"{key.identifier.namespace} {scope}{key.identifier.value}"


def draw_path(path: Iterable[link_pb2.Link]) -> None:
    """One line per link."""
    rows = [[shown_key(each.key), shown_key(each.other), _RULES[each.rule], _ground(each)] for each in path]
    table("", ["identifier", "and", "rule", "on the ground of"], rows, empty="they are the same identifier")


def draw_conflicts(conflicts: Iterable[link_pb2.LinkConflict], empty: str) -> None:
    """One line per pair."""
    rows = [
        [
            shown_key(each.key),
            str(each.key.person_id),
            shown_key(each.other),
            str(each.other.person_id),
            REASONS[each.reason],
        ]
        for each in conflicts
    ]
    table("", ["identifier", "person", "stays apart from", "person", "because"], rows, empty=empty)


def draw_history(steps: Iterable[link_pb2.MergeStep]) -> None:
    """One line per step."""
    rows = [
        [
            step.time.ToDatetime().strftime("%Y-%m-%d %H:%M"),
            f"{step.other_person_id} became {step.person_id}"
            if step.kind == link_pb2.MERGE_KIND_MERGED
            else f"{step.person_id} lost to {step.other_person_id}",
            len(step.moved_key_ids),
            _cause(step.cause),
        ]
        for step in steps
    ]
    table("", ["time (UTC)", "what", "identifiers", "because of"], rows, empty="nobody became another")


def draw_operations(operations: Iterable[operation_pb2.Operation]) -> None:
    """One line per operation."""
    rows: list[list[object]] = []
    for each in operations:
        kind = name_of(operation_pb2.OperationKind, each.kind)
        undoes = f" of {each.undoes_operation_id}" if each.undoes_operation_id else ""
        undone = f"undone by {each.undone_by_operation_id}" if each.undone_by_operation_id else "in force"
        time = each.time.ToDatetime().strftime("%Y-%m-%d %H:%M")
        rows.append([str(each.operation_id), time, kind + undoes, each.actor, each.reason, undone])
    table(
        "", ["operation", "time (UTC)", "what", "who", "why", "state"], rows, empty="nobody decided anything"
    )


def _ground(link: link_pb2.Link) -> str:
    match link.WhichOneof("ground"):
        case "decision":
            return f"operation {link.decision.operation_id} of {link.decision.actor}: {link.decision.reason}"
        case "model_finding":
            return f"model {link.model_finding.model_version}, {link.model_finding.score / 10_000:.1f} bits"
    seen = link.seen_together
    kinds = [name for name in ("co_occurrence", "login", "bind") if getattr(seen, name)]
    days = f"{seen.first_time.ToDatetime():%Y-%m-%d} to {seen.last_time.ToDatetime():%Y-%m-%d}"
    return f"{', '.join(seen.sources)}: {', '.join(kinds).replace('_', '-')}, {days}"


def _cause(cause: link_pb2.Cause) -> str:
    kind = name_of(link_pb2.CauseKind, cause.kind).replace("_", " ")
    return f"{kind} {cause.source}{'/' if cause.source else ''}{cause.id}"
