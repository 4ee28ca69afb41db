"""Alerts about quality as messages of the contract."""

from collections.abc import Mapping

from huaxiang.tagging.v1 import tag_quality_pb2 as pb
from servicekit.values import timestamp_of
from tagging.domain.quality.alerts import Alert, AlertKind

ALERT_KINDS: Mapping[AlertKind, "pb.QualityAlertKind.ValueType"] = {
    AlertKind.INCOMPLETE: pb.QUALITY_ALERT_KIND_INCOMPLETE,
    AlertKind.FELL: pb.QUALITY_ALERT_KIND_FELL,
    AlertKind.STALE: pb.QUALITY_ALERT_KIND_STALE,
    AlertKind.DRIFTED: pb.QUALITY_ALERT_KIND_DRIFTED,
    AlertKind.INVALID: pb.QUALITY_ALERT_KIND_INVALID,
    AlertKind.CONTRADICTED: pb.QUALITY_ALERT_KIND_CONTRADICTED,
    AlertKind.FAILED: pb.QUALITY_ALERT_KIND_FAILED,
    AlertKind.EVENTS_UNSEEN: pb.QUALITY_ALERT_KIND_EVENTS_UNSEEN,
    AlertKind.NOT_MEASURED: pb.QUALITY_ALERT_KIND_NOT_MEASURED,
}


def alert_message(alert: Alert) -> pb.QualityAlert:
    return pb.QualityAlert(
        number=alert.number,
        tag_id=alert.tag_id,
        kind=ALERT_KINDS[alert.kind],
        detail=alert.finding.detail,
        measured=alert.finding.measured,
        limit=alert.finding.limit,
        open_time=timestamp_of(alert.opened),
        seen_time=timestamp_of(alert.seen),
        close_time=None if alert.closed is None else timestamp_of(alert.closed),
    )
