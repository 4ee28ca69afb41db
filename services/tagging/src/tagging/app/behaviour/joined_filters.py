"""Conditions on events that columns do not answer: those that look into reference tables, asked of the relations."""

from typing import Any

import numpy as np
from rules.evaluate.events.columns import Ints
from rules.evaluate.setting import Setting
from rules.schema import EventType
from rules.tree import AllTime, Condition
from rules.windows import interval
from tagging.app.columns_in_force import ColumnPlan
from tagging.app.named_relations import name_relations
from tagging.store.ports import HeldEvents


class JoinedFilters:
    """Over the relations of one snapshot, which are made when first asked for. Ibis is imported then, too."""

    def __init__(self, duck: Any, held: HeldEvents, plan: ColumnPlan, setting: Setting) -> None:
        """`duck`: the connection that holds the relations of `held`."""
        self._duck = duck
        self._held = held
        self._plan = plan
        self._setting = setting
        self._is_related = False

    def sequences(self, type_: EventType, where: Condition) -> Ints:
        """The ingest sequences of the events that satisfy the condition, ascending. Raises UnsupportedNode."""
        from rules.evaluate.tables import DuckDb, NamedRelations
        from rules.evaluate.tables.compiler import truth
        from rules.evaluate.tables.rows import EventRows

        self._relate()
        ever = interval(AllTime(), self._setting.as_of, self._setting.calendar)
        rows = EventRows(NamedRelations(), self._setting, type_)
        columns = rows.columns([where], [], ever, days=False)
        passing = columns.rows.filter(truth(where, columns)).select("ingest_seq")
        found = DuckDb(self._duck).collect(passing)["ingest_seq"].to_numpy()
        return np.unique(found.astype(np.int64))

    def _relate(self) -> None:
        if not self._is_related:
            self._held.relate()
            name_relations(self._duck, self._plan)
            self._is_related = True
