"""Makes the catalogue hold definitions, or only tells what would change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.errors import EtagStale, RightMissing
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.app.governance.places import Places
from tagging.app.governance.refusals import told
from tagging.app.put_in_force import PutInForce
from tagging.domain.definition import TagDefinition
from tagging.domain.governance import life as steps
from tagging.domain.governance.life import Moved, TagState, Taking
from tagging.domain.governance.people import Actor, Power
from tagging.domain.plan import ChangeOfTag, Difference, catalogue_etag, plan
from tagging.errors import DefinitionRefused, TagRetired
from tagging.store.governance_ports import GovernanceStores
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores


@dataclass(frozen=True, slots=True)
class Applied:
    """What changed, or would; `revision` covers the change."""

    differences: tuple[Difference, ...]
    etag: str
    revision: Revision
    warnings: tuple[str, ...]


class ApplyTags:
    """All or nothing. Equal definitions change nothing. The way into force without a review, for those who hold the
    right to act directly: definitions that live in a repository are reviewed there. Every tag's history says so."""

    def __init__(
        self,
        facts: FactStores,
        tags: TagStores,
        governance: GovernanceStores,
        put: PutInForce,
        places: Places,
        changelog: Changelog,
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._tags = tags
        self._governance = governance
        self._put = put
        self._places = places
        self._changelog = changelog
        self._clock = clock

    def __call__(
        self,
        connection: Connection,
        tenant: str,
        definitions: Sequence[TagDefinition],
        *,
        actor: Actor,
        delete_missing: bool,
        validate_only: bool,
        etag: str,
        reason: str = "",
        force: bool = False,
    ) -> Applied:
        """Raises RuleInvalid, DefinitionRefused, TagCircle, TagInUse, TagRetired, NamingRefused, CategoryQuota,
        EtagStale, RightMissing."""
        if Power.DIRECT not in actor.powers:
            raise RightMissing(Power.DIRECT.value)
        if not validate_only:
            self._facts.tenants.lock(connection, tenant)
        stored = self._tags.catalogue.all(connection, tenant)
        before = catalogue_etag(stored.values())
        if etag and etag != before:
            raise EtagStale("the tag catalogue", before)
        given = [each.tag_id for each in _once(definitions)]
        lives = self._governance.lives.of(connection, tenant, {*given, *stored})
        versions = {tag_id: life.version for tag_id, life in lives.items()}
        now = self._clock.now()
        differences = plan(stored, definitions, now, delete_missing=delete_missing, versions=versions)
        taking = Taking(actor, now, reason, force)
        moves = _moves(differences, lives, taking)
        self._places.require_names(connection, tenant, _created(differences))
        checked = self._put.check(connection, tenant, stored, differences, set(given), forced=force)
        if not force:
            self._put.require_unused(connection, tenant, stored, differences, checked)
        warnings = checked.warnings(given)
        if validate_only:
            head = self._changelog.head(connection)
            unchanged = Revision(self._changelog.service, head.epoch).at(Lane.LIVE, head.position)
            return Applied(differences, before, unchanged, warnings)
        self._places.make(connection, tenant, [each.definition for each in checked.after.values()])
        revision = self._put.store(connection, tenant, differences, checked, moves)
        return Applied(differences, catalogue_etag(checked.after.values()), revision, warnings)


def _moves(
    differences: Sequence[Difference], lives: Mapping[str, steps.TagLife], taking: Taking
) -> dict[str, Moved]:
    found: dict[str, Moved] = {}
    for each in differences:
        life = lives.get(each.tag_id)
        if life and life.standing is TagState.RETIRED and not life.deletion:
            raise TagRetired(each.tag_id, life.replacement)
        with told():
            match each.change:
                case ChangeOfTag.UNCHANGED:
                    continue
                case ChangeOfTag.DELETED:
                    assert life is not None  # every tag in force has one
                    found[each.tag_id] = steps.delete(life, taking)
                case _:
                    found[each.tag_id] = steps.apply(life, taking, each.tag.definition, each.tag.version)
    return found


def _created(differences: Sequence[Difference]) -> list[TagDefinition]:
    return [each.tag.definition for each in differences if each.change is ChangeOfTag.CREATED]


def _once(definitions: Sequence[TagDefinition]) -> Sequence[TagDefinition]:
    seen: set[str] = set()
    for each in definitions:
        if each.tag_id in seen:
            raise DefinitionRefused(each.tag_id, "tag_id", "is given twice")
        seen.add(each.tag_id)
    return definitions
