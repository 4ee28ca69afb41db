"""Joins the quality of tags: stores, use cases, the servicer, and what measures and counts beside it."""

from tagging.store.quality_entries import ContractAlertEntries
from tagging.store.quality_ports import QualityStores
from tagging.store.sql_quality import (
    SqlAlerts,
    SqlMeasurements,
    SqlQualityInputs,
    SqlQualityMarks,
    SqlTagActivities,
)


def quality_stores() -> QualityStores:
    """Every adapter of quality."""
    return QualityStores(
        SqlMeasurements(),
        SqlAlerts(),
        SqlTagActivities(),
        SqlQualityMarks(),
        SqlQualityInputs(),
        ContractAlertEntries(),
    )
