"""The lake as messages."""

import datetime as dt
from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.tagging.v1 import lake_service_pb2 as pb
from servicekit.values import days_of, timestamp, timestamp_of
from tagging.app.keep_events import KeptEvents
from tagging.domain.lake import ErasureProof, LakeFile
from tagging.domain.retention import BEGINNING_US


def day(day: dt.date, files: Sequence[LakeFile]) -> pb.LakeDay:
    """What the files of a day hold."""
    return pb.LakeDay(
        day=days_of(day),
        file_count=len(files),
        event_count=sum(file.event_count for file in files),
        size_bytes=sum(file.size_bytes for file in files),
    )


def file(file: LakeFile) -> pb.LakeFile:
    """A file of the manifest."""
    return pb.LakeFile(
        path=file.path,
        day=days_of(file.day),
        event_count=file.event_count,
        size_bytes=file.size_bytes,
    )


def kept_events(kept: KeptEvents) -> pb.GetEventRetentionResponse:
    """Rules and horizon."""
    retention, horizon = kept.retention, kept.horizon
    return pb.GetEventRetentionResponse(
        default_days=retention.default_days,
        rules=[
            pb.EventRetentionRule(event_type=name, days=days)
            for name, days in sorted(retention.by_type.items())
        ],
        counts_from=_counts_from(horizon.from_us),
        horizons=[
            pb.EventHorizon(event_type=name, counts_from=_counts_from(from_us))
            for name, from_us in sorted(horizon.by_type.items())
        ],
    )


def proof(proof: ErasureProof) -> pb.ErasureProof:
    """One rewrite."""
    return pb.ErasureProof(
        number=proof.number,
        time=timestamp_of(proof.time),
        erasure_ids=proof.erasure_ids,
        rewritten=[
            pb.RewrittenFile(path=each.path, new_path=each.new_path, removed_count=each.removed_count)
            for each in proof.rewritten
        ],
        checked_file_count=proof.checked_file_count,
    )


def _counts_from(from_us: int) -> Timestamp | None:
    return timestamp(from_us) if from_us > BEGINNING_US else None
