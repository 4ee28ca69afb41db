"""Values, runs, explanations and differences as messages."""

from collections.abc import Mapping

from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.tagging.v1 import change_pb2, run_service_pb2, tag_pb2, tag_service_pb2
from huaxiang.type.v1 import explanation_pb2, value_pb2
from rules.evaluate.person import Event as RuleEvent
from rules.evaluate.person import Explanation, PropertyValue
from rules.printer import print_form
from rules.tree import Expression
from rules.values import divide_half_even
from servicekit.values import timestamp, timestamp_of
from tagging.app.explain import ExplainedTag, Part
from tagging.app.read_values import ReadValue
from tagging.catalogue.messages import BASES, to_message, value_message
from tagging.domain.document import KINDS
from tagging.domain.event_grades import EventRelease
from tagging.domain.kinds.told import ImportedKind, ManualKind
from tagging.domain.persons import PersonState
from tagging.domain.plan import ChangeOfTag, Difference, Tag
from tagging.domain.schedule import Cause
from tagging.domain.shown_events import ShownEvent
from tagging.domain.weighted import CERTAIN, WeightedTexts
from tagging.store.tag_ports import Feature, Run

STATE_NAMES: Mapping[PersonState, str] = {
    PersonState.ANONYMOUS: "anonymous",
    PersonState.KNOWN: "known",
    PersonState.MEMBER: "member",
}
_CHANGES = {
    ChangeOfTag.CREATED: tag_service_pb2.TAG_CHANGE_KIND_CREATED,
    ChangeOfTag.REDEFINED: tag_service_pb2.TAG_CHANGE_KIND_REDEFINED,
    ChangeOfTag.DESCRIBED: tag_service_pb2.TAG_CHANGE_KIND_DESCRIBED,
    ChangeOfTag.DELETED: tag_service_pb2.TAG_CHANGE_KIND_DELETED,
    ChangeOfTag.UNCHANGED: tag_service_pb2.TAG_CHANGE_KIND_UNCHANGED,
}

_CAUSES = {
    Cause.REQUEST: run_service_pb2.RUN_CAUSE_REQUEST,
    Cause.SCHEDULE: run_service_pb2.RUN_CAUSE_SCHEDULE,
    Cause.EVENT: run_service_pb2.RUN_CAUSE_EVENT,
    Cause.TAG: run_service_pb2.RUN_CAUSE_TAG,
}


def tag_message(tag: Tag) -> tag_pb2.Tag:
    return tag_pb2.Tag(
        definition=to_message(tag.definition),
        version=tag.version,
        etag=tag.etag,
        update_time=timestamp_of(tag.update_time),
        coverage=tag.coverage,
        state=tag_pb2.TAG_STATE_DEPRECATED if tag.deprecated else tag_pb2.TAG_STATE_ACTIVE,
        replacement_tag_id=tag.replacement,
    )


def difference_message(difference: Difference) -> tag_service_pb2.TagDifference:
    fields = [
        tag_service_pb2.FieldDifference(field=contract_field(each.field), old=each.old, new=each.new)
        for each in difference.fields
    ]
    kind = _CHANGES[difference.change]
    return tag_service_pb2.TagDifference(tag_id=difference.tag_id, kind=kind, fields=fields)


def contract_field(field: str) -> str:
    """A path in the document as the contract's: the kinds stand below `kind`."""
    first = field.partition(".")[0].partition("[")[0]
    return f"kind.{field}" if first in KINDS else field


def value_of_tag(read: ReadValue) -> tag_pb2.TagValue:
    message = tag_pb2.TagValue(tag_id=read.tag.tag_id, withheld=read.withheld)
    if read.stored is None or read.stored.value is None:
        return message  # what is not known is of no moment and from nowhere
    message.value.CopyFrom(value_message(read.stored.value))
    message.confidence = _confidence(read)
    if isinstance(read.stored.value, WeightedTexts):
        message.weights.extend(read.stored.value.weights)
    message.source = _source(read, from_run=read.stored.from_run)
    if read.statement is not None:
        message.stated_by = read.statement.source
        if read.statement.expires_at is not None:
            message.expire_time.CopyFrom(timestamp_of(read.statement.expires_at))
    message.as_of.CopyFrom(timestamp_of(read.stored.as_of))
    if read.entry_time is not None:
        message.entry_time.CopyFrom(timestamp_of(read.entry_time))
    return message


def _confidence(read: ReadValue) -> int:
    """What the definition says of every value, times what its kind tells of this one, times the doubt that behaviour
    casts on it."""
    stated = read.tag.definition.confidence
    value = read.stored.value if read.stored else None
    of_value = value.confidence if isinstance(value, WeightedTexts) else CERTAIN
    if read.statement is not None:
        of_value = read.statement.confidence
    return divide_half_even(divide_half_even(stated * of_value, CERTAIN) * read.doubt, CERTAIN)


def _source(read: ReadValue, *, from_run: bool) -> "tag_pb2.TagValueSource.ValueType":
    match read.tag.definition.kind:
        case ImportedKind():
            return tag_pb2.TAG_VALUE_SOURCE_IMPORTED
        case ManualKind():
            return tag_pb2.TAG_VALUE_SOURCE_MANUAL
    return tag_pb2.TAG_VALUE_SOURCE_RUN if from_run else tag_pb2.TAG_VALUE_SOURCE_STREAM


def run_message(run: Run, token: str) -> run_service_pb2.Run:
    """`token`: of the revision that covers what the run published, "" for none."""
    message = run_service_pb2.Run(
        run_id=run.run_id,
        state=int(run.state),  # type: ignore[arg-type]  # the numbers are the contract's
        as_of=timestamp_of(run.as_of) if run.as_of else None,
        start_time=_of_ms(run.started_ms),
        end_time=_of_ms(run.ended_ms),
        tag_count=run.tag_count,
        done_count=len(run.coverage),
        coverage=run.coverage,
        failures={tag: each.detail for tag, each in run.failures.items()},
        failure_reasons={tag: int(each.reason) for tag, each in run.failures.items()},  # type: ignore[misc]
        cause=_CAUSES[run.cause],
        because=run.because,
        cost=run_service_pb2.RunCost(wall_ms=_wall_ms(run), cpu_ms=run.cpu_ms, rows_read=run.rows_read),
        tag_costs={
            tag: run_service_pb2.RunCost(wall_ms=each.milliseconds, rows_read=each.rows_read)
            for tag, each in run.costs.items()
        },
        everybody=run.everybody,
        person_counts=run.person_counts,
    )
    if token:
        message.revision.token = token
    return message


def _wall_ms(run: Run) -> int:
    """Until the end; a run under way does not say."""
    return run.ended_ms - run.started_ms if run.ended_ms and run.started_ms else 0


def _of_ms(machine_ms: int | None) -> Timestamp | None:
    if machine_ms is None:
        return None
    return timestamp(machine_ms * 1_000)


def feature_message(feature: Feature) -> change_pb2.FeatureStatus:
    return change_pb2.FeatureStatus(
        form=feature.form,
        column=feature.column,
        base=BASES[feature.base],
        state=int(feature.state),  # type: ignore[arg-type]  # the numbers are the contract's
        done_count=feature.done_count,
        total_count=feature.total_count,
        failure=feature.failure,
    )


# ------------------------------------------------------------------------------------------- explanations


def timeline_event(event: ShownEvent) -> explanation_pb2.EvidenceEvent:
    return explanation_pb2.EvidenceEvent(
        type=event.type,
        time=timestamp_of(event.time),
        source=event.source,
        event_id=event.event_id,
        properties=_properties(event.properties),
        withheld=event.withheld,
        withheld_properties=event.withheld_properties,
    )


def explained_tag(explained: ExplainedTag) -> explanation_pb2.Explanation:
    """The tag's value over the parts of its definition."""
    message = explanation_pb2.Explanation(
        text=explained.value.tag.tag_id, parts=[_part(each, explained.release) for each in explained.parts]
    )
    stored = explained.value.stored
    if stored is not None and stored.value is not None:
        message.value.CopyFrom(value_message(stored.value))
    return message


def _part(part: Part, release: EventRelease) -> explanation_pb2.Explanation:
    message = explanation_pb2.Explanation()
    if part.explanation:
        message = explanation_message(part.explanation, release)
    message.evidence.extend(_evidence(each, release) for each in part.evidence)
    message.parts.extend(_part(each, release) for each in part.parts)
    message.text = part.text
    if part.value is not None:
        message.value.CopyFrom(value_message(part.value))
    return message


def explanation_message(explanation: Explanation, release: EventRelease) -> explanation_pb2.Explanation:
    message = explanation_pb2.Explanation(
        text=print_form(explanation.node),
        would_flip=explanation.would_flip,
        evidence=[_evidence(each, release) for each in explanation.evidence],
        parts=[explanation_message(each, release) for each in explanation.parts],
    )
    if isinstance(explanation.node, Expression):
        if explanation.value is not None:
            message.value.CopyFrom(value_message(explanation.value))
    else:
        message.holds = explanation.truth
    return message


def _evidence(event: RuleEvent, release: EventRelease) -> explanation_pb2.EvidenceEvent:
    if not release.shows(event.type):
        return explanation_pb2.EvidenceEvent(time=timestamp_of(event.time), withheld=True)
    shown, beside = release.released(event.type, event.properties)
    return explanation_pb2.EvidenceEvent(
        type=event.type,
        time=timestamp_of(event.time),
        source=str(event.properties.get("source", "")),
        properties=_properties(shown),
        withheld_properties=beside,
    )


def _properties(properties: Mapping[str, PropertyValue]) -> dict[str, value_pb2.Value]:
    return {name: _property(value) for name, value in properties.items() if name != "source"}


def _property(value: PropertyValue) -> value_pb2.Value:
    if isinstance(value, tuple) and value and isinstance(value[0], Mapping):
        records = [
            value_pb2.Value(
                record_value=value_pb2.ValueRecord(
                    fields={name: value_message(each) for name, each in record.items()}
                )
            )
            for record in value
            if isinstance(record, Mapping)
        ]
        return value_pb2.Value(list_value=value_pb2.ValueList(values=records))
    return value_message(value)  # type: ignore[arg-type]  # records were told above
