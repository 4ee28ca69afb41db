"""The way of a definition into force: written, handed over, reviewed, activated."""

from servicekit.errors import InvalidField, ResourceNotFound
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnsInForce, tag_schema
from tagging.app.governance.lives import Lives, Request, Stepped, require_etag
from tagging.app.governance.places import Places
from tagging.app.governance.refusals import told
from tagging.app.put_in_force import PutInForce, compiled
from tagging.domain.definition import TagDefinition
from tagging.domain.dependencies import TagCycle, levels
from tagging.domain.governance import life as steps
from tagging.domain.governance.documentation import undocumented
from tagging.domain.governance.grades import lowered, lowered_events
from tagging.domain.governance.life import TagLife
from tagging.domain.governance.requests import RequestState, fulfil
from tagging.domain.plan import plan
from tagging.domain.recipe import Recipe
from tagging.errors import DefinitionRefused, DraftOutdated, RequestClosed, TagCircle
from tagging.store.governance_ports import GovernanceStores
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores


class Drafts:
    """One method per step. Each raises what `Lives.begin` does, TagStateConflict and StepForbidden."""

    def __init__(
        self,
        facts: FactStores,
        tags: TagStores,
        governance: GovernanceStores,
        columns: ColumnsInForce,
        put: PutInForce,
        places: Places,
        lives: Lives,
    ) -> None:
        self._facts = facts
        self._tags = tags
        self._governance = governance
        self._columns = columns
        self._put = put
        self._places = places
        self._lives = lives

    def write(
        self,
        connection: Connection,
        tenant: str,
        request: Request,
        definition: TagDefinition,
        *,
        tag_request_id: str = "",
        validate_only: bool = False,
    ) -> Stepped:
        """Raises DefinitionRefused, RuleInvalid, TagCircle, NamingRefused, CategoryUnknown, RequestClosed."""
        if not validate_only:
            self._facts.tenants.lock(connection, tenant)
        life = self._governance.lives.get(connection, tenant, definition.tag_id)
        if life is not None:
            require_etag(life, request.etag)
        if tag_request_id:
            self._require_accepted(connection, tenant, tag_request_id, definition.tag_id)
        else:
            tag_request_id = life.tag_request_id if life else ""
        stored = self._tags.catalogue.all(connection, tenant).get(definition.tag_id)
        taking = self._lives.taking(request)
        base, base_version = (stored.etag, stored.version) if stored else ("", 0)
        with told():
            moved = steps.edit(life, taking, definition, base, base_version, tag_request_id)
        assert moved.life.draft is not None
        recipe = self._checked(connection, tenant, moved.life, moved.life.draft.definition)
        known = self._columns.of(connection, tenant).tags
        others = {tag_id: tag.definition for tag_id, tag in known.items()}
        warnings = (
            *recipe.warnings,
            *self._put.leaving(connection, tenant, stored, moved.life.draft.definition),
            *self._put.unseen(connection, tenant, recipe),
            *lowered(moved.life.draft.definition, recipe.tags, others),
            *lowered_events(
                moved.life.draft.definition,
                recipe.questions.values(),
                self._columns.of(connection, tenant).dictionary.grades,
            ),
        )
        if validate_only:
            return Stepped(life or moved.life, self._lives.revision(connection), warnings)
        stepped = self._lives.keep(connection, tenant, moved)
        return Stepped(stepped.life, stepped.revision, warnings)

    def submit(self, connection: Connection, tenant: str, request: Request) -> Stepped:
        """Raises what `write` does."""
        life, taking = self._lives.begin(connection, tenant, request)
        with told():
            moved = steps.submit(life, taking)
        assert life.draft is not None
        definition = life.draft.definition
        for field, problem in undocumented(definition):
            raise DefinitionRefused(definition.tag_id, field, problem)
        self._checked(connection, tenant, life, definition)
        return self._lives.keep(connection, tenant, moved)

    def approve(self, connection: Connection, tenant: str, request: Request) -> Stepped:
        """Raises OwnReview."""
        life, taking = self._lives.begin(connection, tenant, request)
        with told():
            return self._lives.keep(connection, tenant, steps.approve(life, taking))

    def send_back(self, connection: Connection, tenant: str, request: Request) -> Stepped:
        """Raises OwnReview."""
        life, taking = self._lives.begin(connection, tenant, request)
        with told():
            return self._lives.keep(connection, tenant, steps.send_back(life, taking))

    def withdraw(self, connection: Connection, tenant: str, request: Request) -> Stepped:
        life, taking = self._lives.begin(connection, tenant, request)
        with told():
            return self._lives.keep(connection, tenant, steps.withdraw(life, taking))

    def discard(self, connection: Connection, tenant: str, request: Request) -> Stepped:
        life, taking = self._lives.begin(connection, tenant, request)
        with told():
            return self._lives.keep(connection, tenant, steps.discard(life, taking))

    def activate(self, connection: Connection, tenant: str, request: Request) -> Stepped:
        """Raises DraftOutdated, TagInUse, and what `write` does."""
        life, taking = self._lives.begin(connection, tenant, request)
        with told():
            steps.activate(life, taking, life.version + 1)  # refused before anything is compiled
        draft = life.draft
        assert draft is not None
        stored = self._tags.catalogue.all(connection, tenant)
        present = stored.get(life.tag_id)
        if draft.base != (present.etag if present else ""):
            raise DraftOutdated(life.tag_id)
        self._places.require_category(connection, tenant, draft.definition)
        differences = plan(stored, [draft.definition], taking.time, versions={life.tag_id: life.version})
        checked = self._put.check(
            connection, tenant, stored, differences, {life.tag_id}, forced=request.force
        )
        if not request.force:
            self._put.require_unused(connection, tenant, stored, differences, checked)
        (difference,) = differences
        moved = steps.activate(life, taking, difference.tag.version)
        revision = self._put.store(
            connection,
            tenant,
            differences,
            checked,
            {life.tag_id: moved},
            {life.tag_id: draft.reviewer},
        )
        self._fulfil(connection, tenant, moved.life)
        return Stepped(moved.life, revision, checked.warnings([life.tag_id]))

    def restore_version(self, connection: Connection, tenant: str, request: Request, version: int) -> Stepped:
        """An earlier definition as a new draft. Raises ResourceNotFound, and what `write` does."""
        life, _ = self._lives.begin(connection, tenant, request)
        found = self._governance.versions.get(connection, tenant, life.tag_id, version)
        if found is None:
            raise ResourceNotFound(f"version {version} of tag {life.tag_id}")
        with told():
            steps.require_no_draft(life)
        return self.write(connection, tenant, request, found.definition)

    def _checked(
        self, connection: Connection, tenant: str, life: TagLife, definition: TagDefinition
    ) -> Recipe:
        """Against the catalogue as it is: what the definition says itself; whom it would break is known when it is
        activated, and from CheckImpact before."""
        if life.version == 0:
            self._places.require_names(connection, tenant, [definition])
        self._places.require_category(connection, tenant, definition)
        recipe = self._sound(connection, tenant, definition)
        uses = self._columns.of(connection, tenant).uses
        try:
            levels({**uses, definition.tag_id: recipe.tags})
        except TagCycle as error:
            raise TagCircle(error.path) from error
        return recipe

    def _sound(self, connection: Connection, tenant: str, definition: TagDefinition) -> Recipe:
        """Raises RuleInvalid, DefinitionRefused."""
        known = self._columns.of(connection, tenant)
        others = [tag.definition for tag in known.tags.values() if tag.tag_id != definition.tag_id]
        deprecated = {each.tag_id: each.replacement for each in known.tags.values() if each.deprecated}
        retired = self._governance.lives.retired(connection, tenant)
        retired.pop(definition.tag_id, None)
        schema = tag_schema(
            known.dictionary,
            [*others, definition],
            retired=retired,
            deprecated=deprecated,
            seen=self._columns.undeclared(connection, tenant),
        )
        recipe = compiled(definition, schema, limited=True)
        self._put.require_sound(recipe, schema)
        return recipe

    def _require_accepted(
        self, connection: Connection, tenant: str, tag_request_id: str, tag_id: str
    ) -> None:
        found = self._governance.requests.get(connection, tenant, tag_request_id)
        if found is None:
            raise ResourceNotFound(f"request {tag_request_id}")
        if found.state is not RequestState.ACCEPTED:
            raise RequestClosed(tag_request_id, found.state.value)
        if found.tag_id != tag_id:
            raise InvalidField("tag_request_id", f"was accepted for the tag '{found.tag_id}'")

    def _fulfil(self, connection: Connection, tenant: str, life: TagLife) -> None:
        if not life.tag_request_id:
            return
        found = self._governance.requests.get(connection, tenant, life.tag_request_id)
        if found and found.state is RequestState.ACCEPTED and life.update_time:
            self._governance.requests.put(connection, tenant, fulfil(found, life.update_time))
