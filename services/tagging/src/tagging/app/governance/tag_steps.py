"""What happens to a tag after it came into force: on its way out, out, away, and back."""

from collections.abc import Mapping
from dataclasses import replace

from servicekit.errors import InvalidField
from sqlalchemy import Connection
from tagging.app.governance.lives import Lives, Request, Stepped
from tagging.app.governance.refusals import told
from tagging.app.put_in_force import Checked, PutInForce
from tagging.domain.governance import life as steps
from tagging.domain.governance.life import Moved, TagState
from tagging.domain.plan import ChangeOfTag, Difference, Tag
from tagging.errors import nearest
from tagging.store.governance_ports import GovernanceStores
from tagging.store.tag_ports import TagStores


class TagSteps:
    """One method per step. Each raises what `Lives.begin` does, TagStateConflict and StepForbidden."""

    def __init__(self, tags: TagStores, governance: GovernanceStores, put: PutInForce, lives: Lives) -> None:
        self._tags = tags
        self._governance = governance
        self._put = put
        self._lives = lives

    def deprecate(self, connection: Connection, tenant: str, request: Request, replacement: str) -> Stepped:
        """Raises InvalidField (the replacement)."""
        life, taking = self._lives.begin(connection, tenant, request)
        with told():
            moved = steps.deprecate(life, taking, replacement)
        stored = self._tags.catalogue.all(connection, tenant)
        self._require_active(life.tag_id, replacement, stored)
        return self._marked(connection, tenant, stored, moved)

    def reinstate(self, connection: Connection, tenant: str, request: Request) -> Stepped:
        life, taking = self._lives.begin(connection, tenant, request)
        with told():
            moved = steps.reinstate(life, taking)
        return self._marked(connection, tenant, self._tags.catalogue.all(connection, tenant), moved)

    def retire(self, connection: Connection, tenant: str, request: Request, replacement: str) -> Stepped:
        """Raises TagInUse, InvalidField (the replacement)."""
        life, taking = self._lives.begin(connection, tenant, request)
        with told():
            moved = steps.retire(life, taking, replacement)
        stored = self._tags.catalogue.all(connection, tenant)
        self._require_active(life.tag_id, replacement, stored)
        return self._out_of_force(connection, tenant, stored, moved, request)

    def delete(self, connection: Connection, tenant: str, request: Request) -> Stepped:
        """Raises TagInUse."""
        life, taking = self._lives.begin(connection, tenant, request)
        with told():
            moved = steps.delete(life, taking)
        if not life.in_force:
            return self._lives.keep(connection, tenant, moved)
        stored = self._tags.catalogue.all(connection, tenant)
        return self._out_of_force(connection, tenant, stored, moved, request)

    def restore(self, connection: Connection, tenant: str, request: Request) -> Stepped:
        """Raises RuleInvalid, DefinitionRefused, TagCircle of a definition that was in force and holds no more."""
        life, taking = self._lives.begin(connection, tenant, request)
        with told():
            moved = steps.restore(life, taking)
        if not moved.life.in_force:
            return self._lives.keep(connection, tenant, moved)
        version = self._governance.versions.get(connection, tenant, life.tag_id, life.version)
        assert version is not None  # kept as long as the life
        deprecated = life.standing is TagState.DEPRECATED
        tag = Tag(
            version.definition,
            life.version,
            taking.time,
            deprecated=deprecated,
            replacement=life.replacement if deprecated else "",
        )
        stored = self._tags.catalogue.all(connection, tenant)
        differences = (Difference(life.tag_id, ChangeOfTag.CREATED, tag),)
        checked = self._put.check(connection, tenant, stored, differences, {life.tag_id})
        revision = self._put.store(connection, tenant, differences, checked, {life.tag_id: moved})
        return Stepped(moved.life, revision)

    def _marked(
        self, connection: Connection, tenant: str, stored: Mapping[str, Tag], moved: Moved
    ) -> Stepped:
        """The same definition, marked anew."""
        life = moved.life
        return Stepped(life, self._put.mark(connection, tenant, stored[life.tag_id], moved))

    def _out_of_force(
        self, connection: Connection, tenant: str, stored: Mapping[str, Tag], moved: Moved, request: Request
    ) -> Stepped:
        life = moved.life
        tag = replace(stored[life.tag_id], deprecated=True, replacement=life.replacement)
        differences = (Difference(life.tag_id, ChangeOfTag.DELETED, tag),)
        checked: Checked = self._put.check(
            connection, tenant, stored, differences, set(), forced=request.force
        )
        if not request.force:
            self._put.require_unused(connection, tenant, stored, differences, checked)
        return Stepped(life, self._put.store(connection, tenant, differences, checked, {life.tag_id: moved}))

    def _require_active(self, tag_id: str, replacement: str, stored: Mapping[str, Tag]) -> None:
        if not replacement:
            return
        if replacement == tag_id:
            raise InvalidField("replacement_tag_id", "is the tag itself")
        found = stored.get(replacement)
        if found is None or found.deprecated:
            active = [each.tag_id for each in stored.values() if not each.deprecated]
            near = nearest(replacement, active)
            hint = f"; did you mean '{near}'?" if near else ""
            raise InvalidField("replacement_tag_id", f"'{replacement}' is no active tag{hint}")
