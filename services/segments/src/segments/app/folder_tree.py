"""The tree of folders, kept by people: named, moved, and cleared when nothing stands there."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from segments.app.names import nearest
from segments.app.ownership import require_owner
from segments.app.record import record
from segments.app.version import Board, Version
from segments.domain import folders as tree
from segments.domain.folders import MAX_FOLDERS, Folder
from segments.domain.movement import Followed
from segments.domain.people import Actor
from segments.domain.segment import MAX_NAME_CHARS, etag_of
from segments.domain.versions import Saying, SegmentVersion
from segments.errors import FolderInUse, FolderQuota, FolderUnknown
from segments.store.ports import Stores
from servicekit.errors import InvalidField, ResourceExists
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection

TOLD_USERS = 20
"""Users that a refusal names, at most."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A folder, the segments exactly there, and those there or below."""

    folder: Folder
    here: int
    total: int


class FolderTree:
    """The use cases of FolderService. `now` is the suite's time. Changes take turns with those of segments."""

    def __init__(self, board: Board, stores: Stores, now: Callable[[], dt.datetime]) -> None:
        self._board = board
        self._stores = stores
        self._now = now

    def filled(self, connection: Connection, version: Version, tenant: str, below: str) -> list[Filled]:
        """In order of path."""
        here, total = tree.counts(each.segment.draft.folder for each in version.tenant(tenant).all())
        return [
            Filled(each, here.get(path, 0), total.get(path, 0))
            for path, each in self._stores.folders.all(connection, tenant).items()
            if tree.is_below(path, below)
        ]

    async def put(self, tenant: str, folder: Folder) -> tuple[Filled, Revision]:
        """Raises InvalidField, FolderUnknown (the one above), FolderQuota."""
        if len(folder.display_name) > MAX_NAME_CHARS:
            raise InvalidField("folder.display_name", f"the limit is {MAX_NAME_CHARS} characters")
        named = replace(folder, display_name=folder.display_name or folder.path.rpartition("/")[2])

        def store(connection: Connection, draft: Version, _: None) -> tuple[Filled, Revision]:
            stored = self._stores.folders.all(connection, tenant)
            try:
                tree.require_place(folder.path, stored)
            except tree.PathInvalid as error:
                raise InvalidField("folder.path", str(error)) from error
            except tree.NoSuchFolder as error:
                raise unknown_folder(error.path, stored) from error
            if folder.path not in stored and len(stored) >= MAX_FOLDERS:
                raise FolderQuota(len(stored) + 1, MAX_FOLDERS)
            self._stores.folders.put(connection, tenant, [named])
            (found,) = [
                each
                for each in self.filled(connection, draft, tenant, folder.path)
                if each.folder.path == folder.path
            ]
            return found, record(connection, self._stores, Lane.LIVE, {})

        return await self._board.change(lambda draft: None, store)

    async def move(self, tenant: str, actor: Actor, path: str, new_path: str) -> tuple[list[str], Revision]:
        """The segments that moved. Raises FolderUnknown, InvalidField, ResourceExists, StepForbidden."""

        def prepare(draft: Version) -> dict[str, Followed]:
            if path == new_path:
                return {}
            segments, now = draft.writable(tenant), self._now()
            followed = Followed()
            for each in segments.all():
                before = each.segment
                if not before.draft.folder or not tree.is_below(before.draft.folder, path):
                    continue
                require_owner(before, actor, "move")
                place = replace(before.draft, folder=new_path + before.draft.folder[len(path) :])
                after = replace(
                    before, draft=place, etag=etag_of(place), update_time=now, version=before.version + 1
                )
                segments.restate(after)
                followed.segments.append(after)
            return {tenant: followed} if followed.segments else {}

        def store(
            connection: Connection, draft: Version, followed: dict[str, Followed]
        ) -> tuple[list[str], Revision]:
            self._move_folders(connection, tenant, path, new_path)
            saying = Saying(actor.subject, f"folder {path} -> {new_path}", self._now())
            moved = [each for of in followed.values() for each in of.segments]
            for each in moved:
                self._stores.versions.put(connection, tenant, SegmentVersion.of(each, saying))
            return [each.segment_id for each in moved], record(connection, self._stores, Lane.LIVE, followed)

        async with self._board.defining():
            return await self._board.change(prepare, store)

    async def delete(self, tenant: str, path: str) -> Revision:
        """Raises FolderUnknown, FolderInUse."""

        def store(connection: Connection, draft: Version, _: None) -> Revision:
            stored = self._stores.folders.all(connection, tenant)
            if path not in stored:
                raise unknown_folder(path, stored)
            users = [f"folder {each}" for each in stored if each != path and tree.is_below(each, path)]
            users += [
                f"segment {each.segment.segment_id}"
                for each in draft.tenant(tenant).all()
                if each.segment.draft.folder == path
            ]
            if users:
                raise FolderInUse(path, users[:TOLD_USERS])
            self._stores.folders.remove(connection, tenant, [path])
            return record(connection, self._stores, Lane.LIVE, {})

        return await self._board.change(lambda draft: None, store)

    def _move_folders(self, connection: Connection, tenant: str, path: str, new_path: str) -> None:
        stored = self._stores.folders.all(connection, tenant)
        try:
            places = tree.moved(stored, path, new_path)
        except tree.PathInvalid as error:
            raise InvalidField("new_path", str(error)) from error
        except tree.NoSuchFolder as error:
            raise unknown_folder(error.path, stored) from error
        except FileExistsError as error:
            raise ResourceExists(f"folder {str(error)!r}") from error
        changed = {old: new for old, new in places.items() if old != new}
        self._stores.folders.remove(connection, tenant, list(changed))
        self._stores.folders.put(
            connection, tenant, [replace(stored[old], path=new) for old, new in changed.items()]
        )


def require_folder(connection: Connection, stores: Stores, tenant: str, path: str) -> None:
    """That the folder of a segment exists; "" is none. Raises FolderUnknown."""
    if path and path not in (stored := stores.folders.all(connection, tenant)):
        raise unknown_folder(path, stored)


def unknown_folder(path: str, stored: Mapping[str, Folder]) -> FolderUnknown:
    """With the nearest one that there is."""
    return FolderUnknown(path, nearest(path, stored))
