"""Answers of MatchService to messages."""

import json

from huaxiang.identity.v1 import match_pb2
from huaxiang.identity.v1 import match_service_pb2 as pb
from servicekit.values import timestamp

from identity.api import render_links
from identity.api.parse_match import bands_message
from identity.app.matching.evaluate_model import Evaluation
from identity.app.matching.models import bands_of
from identity.app.matching.review import Decided, ShownTask
from identity.domain.matching.evaluation import Share
from identity.store.matching.rows import PARTS, WEIGHT_SCALE, ModelRow, RunRow


def model(row: ModelRow) -> match_pb2.MatchModel:
    """A model of the registry."""
    metrics = json.loads(row.metrics)
    return match_pb2.MatchModel(
        version=row.version,
        actor=row.actor,
        note=row.note,
        create_time=timestamp(row.time_us),
        specification=row.specification,
        bands=bands_message(bands_of(row)),
        trained=bool(row.settings),
        engine=row.engine,
        data_hash=row.data_hash,
        rows=metrics.get("rows", 0),
        prior=metrics.get("prior", 0.0),
        untrained_comparisons=metrics.get("untrained", ()),
    )


def run(row: RunRow) -> match_pb2.MatchRun:
    """A run with what it did."""
    outcome = json.loads(row.outcome)
    message = match_pb2.MatchRun(
        run_id=row.run_id,
        kind=match_pb2.MatchRunKind.ValueType(int(row.kind)),
        model_version=row.model_version,
        state=match_pb2.MatchRunState.ValueType(int(row.state)),
        step=row.step,
        progress=row.done_parts / PARTS,
        rows=outcome.get("rows", 0),
        candidates=outcome.get("candidates", 0),
        links=outcome.get("links", 0),
        review_tasks=outcome.get("tasks", 0),
        clusters=outcome.get("clusters", 0),
        changed_persons=outcome.get("changed_persons", 0),
        failure=row.failure,
        cluster_sizes={int(size): count for size, count in outcome.get("sizes", {}).items()},
    )
    if row.start_us:
        message.start_time.CopyFrom(timestamp(row.start_us))
    if row.end_us:
        message.end_time.CopyFrom(timestamp(row.end_us))
    return message


def task(shown: ShownTask) -> match_pb2.ReviewTask:
    """A pair to decide."""
    row = shown.row
    return match_pb2.ReviewTask(
        task_id=row.task_id,
        run_id=row.run_id,
        low_key_id=row.low,
        high_key_id=row.high,
        low_person_id=shown.low_person_id,
        high_person_id=shown.high_person_id,
        low_cluster_id=shown.low_cluster_id,
        high_cluster_id=shown.high_cluster_id,
        weight=row.weight / WEIGHT_SCALE,
        fields=[
            match_pb2.FieldWeight(comparison=name, level=level, weight=weight)
            for name, level, weight in json.loads(row.fields)
        ],
    )


def decided(answer: Decided) -> pb.DecideReviewTaskResponse:
    """What became of a decision."""
    message = would_decide(answer)
    message.operation_id = answer.operation_id
    message.revision.CopyFrom(answer.revision.to_proto())
    return message


def would_decide(answer: Decided) -> pb.DecideReviewTaskResponse:
    """What would become of one."""
    return pb.DecideReviewTaskResponse(
        changed_person_ids=answer.person_ids, effect=render_links.effect(answer.effect)
    )


def evaluation(answer: Evaluation) -> pb.EvaluateModelResponse:
    """Figures by labels."""
    return pb.EvaluateModelResponse(
        labels=answer.labels,
        thresholds=[
            match_pb2.MatchThreshold(
                weight=figures.weight, precision=_share(figures.precision), recall=_share(figures.recall)
            )
            for figures in answer.thresholds
        ],
        suggested_auto_weight=answer.suggested,
    )


def _share(share: Share) -> match_pb2.LabelShare:
    return match_pb2.LabelShare(value=share.value, low=share.low, high=share.high, total=share.total)
