"""Entries of the changelog about the quality of tags, as the contract renders them."""

from huaxiang.tagging.v1 import change_pb2
from servicekit.changelog import Entry
from tagging.catalogue.quality_messages import alert_message
from tagging.domain.changes import ChangeKind
from tagging.domain.quality.alerts import Alert


class ContractAlertEntries:
    """AlertEntries whose payloads are huaxiang.tagging.v1.Change."""

    def alert(self, tenant: str, alert: Alert) -> Entry:
        change = change_pb2.Change(quality_alert=alert_message(alert))
        return Entry(ChangeKind.QUALITY_ALERT, tenant, change.SerializeToString())
