"""Who rests on the tags of a tenant, for many tags at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan
from tagging.app.quality.contradictions import Contradictions
from tagging.domain.compilation import FEATURE_PREFIX
from tagging.domain.governance.uses import TagUse, users
from tagging.domain.quality.usage import relied_on
from tagging.store.governance_ports import TagUses


@dataclass(frozen=True)
class UsersOfTags:
    """`rests_on`: tag -> the tags that its definition names; `relied_on`: the tags that anything names."""

    rests_on: Mapping[str, frozenset[str]]
    uses: Sequence[TagUse]
    relied_on: frozenset[str]

    def counts(self, tag_id: str) -> tuple[int, int, int]:
        """Tags and segments at any depth, and campaigns."""
        if tag_id not in self.relied_on:
            return 0, 0, 0
        found = users(tag_id, self.rests_on, self.uses)
        return len(found.tag_ids), len(found.segments), len(found.campaigns)


class FindUsers:
    """Reads in the caller's snapshot. A rule of contradiction rests on the tags that it names, too."""

    def __init__(self, uses: TagUses, contradictions: Contradictions) -> None:
        self._uses = uses
        self._contradictions = contradictions

    def __call__(self, connection: Connection, tenant: str, plan: ColumnPlan) -> UsersOfTags:
        rests_on = {
            column: tags for column, tags in plan.uses.items() if not column.startswith(FEATURE_PREFIX)
        }
        for tag_id, names in self._contradictions.named(plan).items():
            rests_on[tag_id] = rests_on.get(tag_id, frozenset()) | names - {tag_id}
        uses = self._uses.all(connection, tenant)
        return UsersOfTags(rests_on, uses, frozenset(relied_on(rests_on, uses)))
