"""Which tags a change of the calendar would touch: those whose rules name its periods."""

from collections.abc import Sequence

from rules.tree import During
from rules.walk import walk
from servicekit.revision import Revision
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce
from tagging.app.governance.lives import Lives


class ListPeriodUses:
    """The use case; changes nothing."""

    def __init__(self, columns: ColumnsInForce, lives: Lives) -> None:
        self._columns = columns
        self._lives = lives

    def __call__(
        self, connection: Connection, tenant: str, periods: Sequence[str]
    ) -> tuple[list[list[str]], Revision]:
        """By period, in the order asked for, the tags in force that name it, in order."""
        named = _named(self._columns.of(connection, tenant))
        return [named.get(period, []) for period in periods], self._lives.revision(connection)


def _named(plan: ColumnPlan) -> dict[str, list[str]]:
    """By period the tags. Features are none: who requires them names the period, too."""
    found: dict[str, list[str]] = {}
    for tag_id in sorted(plan.tags.keys() & plan.recipes.keys()):
        nodes = (node for question in plan.recipes[tag_id].questions.values() for node in walk(question))
        for period in {node.name for node in nodes if isinstance(node, During)}:
            found.setdefault(period, []).append(tag_id)
    return found
