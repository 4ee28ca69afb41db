"""The tree of categories, kept by people: named, moved, and cleared when nothing stands there."""

from dataclasses import dataclass, replace

from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.errors import InvalidField, ResourceExists
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.domain.definition import MAX_NAME_CHARACTERS, Wording
from tagging.domain.governance import categories as tree
from tagging.domain.governance import life as steps
from tagging.domain.governance.categories import MAX_CATEGORIES, Category
from tagging.domain.governance.life import Draft, Moved, Taking
from tagging.domain.governance.people import Actor
from tagging.domain.plan import Tag
from tagging.errors import CategoryInUse, CategoryQuota, CategoryUnknown, nearest
from tagging.store.governance_ports import GovernanceStores, TagVersion
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores

TOLD_USERS = 20
"""Users that a refusal names, at most."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A category, tags in force exactly there, and there or below."""

    category: Category
    here: int
    total: int


class CategoryTree:
    """One transaction per change; each holds the tenant's lock."""

    def __init__(
        self,
        facts: FactStores,
        tags: TagStores,
        governance: GovernanceStores,
        changelog: Changelog,
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._tags = tags
        self._governance = governance
        self._changelog = changelog
        self._clock = clock

    def counted(self, connection: Connection, tenant: str, below: str) -> list[Counted]:
        """In order of path."""
        stored = self._tags.catalogue.all(connection, tenant).values()
        here, total = tree.counts(each.definition.category for each in stored)
        return [
            Counted(each, here.get(path, 0), total.get(path, 0))
            for path, each in self._governance.categories.all(connection, tenant).items()
            if tree.is_below(path, below)
        ]

    def put(self, connection: Connection, tenant: str, path: str, name: Wording) -> tuple[Counted, Revision]:
        """Raises InvalidField, CategoryUnknown (the one above), CategoryQuota."""
        self._facts.tenants.lock(connection, tenant)
        stored = self._governance.categories.all(connection, tenant)
        try:
            tree.require_place(path, stored)
        except tree.PathInvalid as error:
            raise InvalidField("path", str(error)) from error
        except tree.CategoryUnknown as error:
            raise _unknown(error.path, stored) from error
        if path not in stored and len(stored) >= MAX_CATEGORIES:
            raise CategoryQuota(len(stored) + 1, MAX_CATEGORIES)
        if max(len(name.zh), len(name.en)) > MAX_NAME_CHARACTERS:
            raise InvalidField("name", f"the limit is {MAX_NAME_CHARACTERS} characters")
        if name == Wording():
            name = Wording(zh=path.rpartition("/")[2])
        self._governance.categories.put(connection, tenant, [Category(path, name)])
        (found,) = [each for each in self.counted(connection, tenant, path) if each.category.path == path]
        return found, self._changelog.append(connection, Lane.LIVE, [])

    def move(
        self, connection: Connection, tenant: str, actor: Actor, path: str, new_path: str
    ) -> tuple[list[str], Revision]:
        """The tags and drafts that moved. Raises CategoryUnknown, InvalidField, ResourceExists."""
        self._facts.tenants.lock(connection, tenant)
        stored = self._governance.categories.all(connection, tenant)
        try:
            places = tree.moved(stored, path, new_path)
        except tree.PathInvalid as error:
            raise InvalidField("new_path", str(error)) from error
        except tree.CategoryUnknown as error:
            raise _unknown(error.path, stored) from error
        except FileExistsError as error:
            raise ResourceExists(f"category {error}") from error
        self._governance.categories.remove(
            connection, tenant, [old for old, new in places.items() if old != new]
        )
        moved = [replace(stored[old], path=new) for old, new in places.items()]
        self._governance.categories.put(connection, tenant, moved)
        return self._move_tags(connection, tenant, actor, places, f"{path} -> {new_path}")

    def delete(self, connection: Connection, tenant: str, path: str) -> Revision:
        """Raises CategoryUnknown, CategoryInUse."""
        self._facts.tenants.lock(connection, tenant)
        stored = self._governance.categories.all(connection, tenant)
        if path not in stored:
            raise _unknown(path, stored)
        users = [f"category {each}" for each in stored if each != path and tree.is_below(each, path)]
        tags = self._tags.catalogue.all(connection, tenant).values()
        users += [f"tag {each.tag_id}" for each in tags if each.definition.category == path]
        users += [
            f"draft {tag_id}"
            for tag_id, life in self._governance.lives.drafts(connection, tenant).items()
            if life.draft and life.draft.definition.category == path
        ]
        if users:
            raise CategoryInUse(path, users[:TOLD_USERS])
        self._governance.categories.remove(connection, tenant, [path])
        return self._changelog.append(connection, Lane.LIVE, [])

    def _move_tags(
        self, connection: Connection, tenant: str, actor: Actor, places: dict[str, str], reason: str
    ) -> tuple[list[str], Revision]:
        now = self._clock.now()
        taking = Taking(actor, now, reason)
        lives = self._governance.lives
        stored = self._tags.catalogue.all(connection, tenant)
        changed: dict[str, Tag] = {}
        for tag in stored.values():
            new = places.get(tag.definition.category)
            if new and new != tag.definition.category:
                definition = replace(tag.definition, category=new)
                changed[tag.tag_id] = replace(tag, definition=definition, update_time=now)
        drafted = {
            tag_id: life
            for tag_id, life in lives.drafts(connection, tenant).items()
            if tag_id in changed or (life.draft and places.get(life.draft.definition.category, "") != "")
        }
        moves: dict[str, Moved] = {}
        for tag_id, life in {**lives.of(connection, tenant, changed), **drafted}.items():
            draft = _moved_draft(life.draft, places, stored.get(tag_id), changed.get(tag_id))
            if tag_id in changed or draft != life.draft:
                moves[tag_id] = steps.move(life, taking, draft)
        self._tags.catalogue.put(connection, tenant, list(changed.values()))
        for tag in changed.values():
            # Kept as they were put into force: only the definition of the stored version changes.
            version = TagVersion(tag.tag_id, tag.version, tag.definition, now, actor.subject)
            self._governance.versions.put(connection, tenant, version)
        ordered = [moves[tag_id] for tag_id in sorted(moves)]
        lives.put(connection, tenant, [each.life for each in ordered])
        self._governance.history.append(connection, tenant, [each.entry for each in ordered])
        entries = [self._tags.entries.tag(tenant, changed[tag_id]) for tag_id in sorted(changed)]
        return sorted(moves), self._changelog.append(connection, Lane.LIVE, entries)


def _moved_draft(
    draft: Draft | None, places: dict[str, str], before: Tag | None, after: Tag | None
) -> Draft | None:
    """In its new place, and written against the same definition as before."""
    if draft is None:
        return None
    category = places.get(draft.definition.category, draft.definition.category)
    base = after.etag if before and after and draft.base == before.etag else draft.base
    return replace(draft, definition=replace(draft.definition, category=category), base=base)


def _unknown(path: str, stored: dict[str, Category]) -> CategoryUnknown:
    return CategoryUnknown(path, nearest(path, stored))
