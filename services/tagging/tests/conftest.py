"""What the tests of tagging share: a migrated store on each dialect, and all of tagging without its servers."""

import datetime as dt
import itertools
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeVar, cast

import pytest
from huaxiang.tagging.v1 import change_pb2
from servicekit.changelog import Changelog
from servicekit.clock import ManualClock
from servicekit.database import Database
from servicekit.progress import Progress
from servicekit.revision import LANES, Lane, Revision
from servicekit.testing.migrated import PostgresTemplates
from sqlalchemy import Connection
from tagging.app.apply_changes import StoreFacts, values_after
from tagging.app.apply_tags import Applied
from tagging.app.columns_in_force import ColumnsInForce
from tagging.app.evaluate_everybody import Everybody
from tagging.app.evaluate_persons import plain
from tagging.app.follow_mapping import FollowMapping
from tagging.app.publish import ComputeEverybody
from tagging.app.put_reference_rows import PutReferenceRows
from tagging.app.recompute import RecomputePersons
from tagging.app.run_tags import ExecuteRuns, RunRequests
from tagging.app.unseen_queries import QueriesUnseen
from tagging.catalogue.files import parse_definitions
from tagging.domain.definition import TagDefinition
from tagging.domain.events import Event
from tagging.domain.governance.people import Actor, Power
from tagging.domain.persons import Person, PersonState
from tagging.domain.reference_rows import RowVersion
from tagging.governance_wiring import open_governance
from tagging.main import MIGRATIONS
from tagging.store.block_files import BlockFiles
from tagging.store.change_entries import ContractFactEntries
from tagging.store.columnar_events import ColumnarEvents
from tagging.store.dictionary_file import standard_dictionary
from tagging.store.lake_columns import LakeColumns
from tagging.store.lake_files import LakeFolder
from tagging.store.lake_relations import DuckLakeRelations
from tagging.store.mapped_columns import MappedColumns
from tagging.store.ports import FactStores
from tagging.store.query_process import QueryProcesses
from tagging.store.sql_catalogue import SqlCutStore, SqlTagCatalogue
from tagging.store.sql_dictionaries import SqlEventDictionaries
from tagging.store.sql_events import SqlEventStore
from tagging.store.sql_features import SqlDuePersons, SqlFeatures
from tagging.store.sql_history import SqlValueHistory
from tagging.store.sql_key_map import SqlKeyMap
from tagging.store.sql_manifest import SqlManifest
from tagging.store.sql_mapping_changes import SqlMappingChanges
from tagging.store.sql_progress import SqlProgress
from tagging.store.sql_references import SqlReferenceTables
from tagging.store.sql_retention import horizon_of
from tagging.store.sql_runs import SqlComputations, SqlRuns
from tagging.store.sql_schedules import SqlSeenSchedules
from tagging.store.sql_staged_values import SqlStagedValues
from tagging.store.sql_standing import SqlStandingColumns
from tagging.store.sql_stated import SqlStatedValues
from tagging.store.sql_tenants import SqlTenants
from tagging.store.sql_values import SqlTagValues
from tagging.store.tag_entries import ContractTagEntries
from tagging.store.tag_ports import Run, TagStores

T = TypeVar("T")
FILES = Actor.of("files", [Power.DIRECT])
"""Who applies definitions that live in files."""


@pytest.fixture
def migrations() -> Path:
    return MIGRATIONS


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    """An empty, migrated store."""
    opened = Database.open(migrated_url, synchronous="NORMAL")
    opened.write_now(Changelog("tagging").create)
    yield opened
    opened.close_now()


class World:
    """Tagging without its servers: every store and use case over one database, and a clock that stands."""

    tenant = "t1"

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.clock = ManualClock(dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC))  # noon in Shanghai
        self.folder = folder
        self.changelog = Changelog("tagging")
        self.dictionary = standard_dictionary()
        self._ids = (f"id{number}" for number in itertools.count())
        self._versions = itertools.count(1)
        self._sequences = itertools.count(1)
        self.open()

    def open(self) -> None:
        """As after a start: nothing is kept in memory."""
        self.references = SqlReferenceTables()
        self.facts = FactStores(
            SqlEventStore(), SqlKeyMap(), SqlTenants(), SqlProgress(self.changelog), ContractFactEntries()
        )
        self.events = ColumnarEvents(
            self.facts.events, MappedColumns(self.folder / "columns", lambda: next(self._ids))
        )
        self.files = BlockFiles(self.folder / "values", lambda: next(self._ids), synced=False)
        values = SqlTagValues(self.files, lambda: 0)
        self.tags = TagStores(
            SqlTagCatalogue(),
            SqlCutStore(),
            values,
            SqlComputations(),
            SqlRuns(),
            SqlFeatures(),
            SqlDuePersons(),
            SqlStatedValues(),
            SqlValueHistory(values),
            SqlSeenSchedules(),
            SqlStandingColumns(),
            SqlStagedValues(self.files, lambda: 0),
            ContractTagEntries(),
        )
        self.dictionaries = SqlEventDictionaries(self.dictionary)
        self.columns = ColumnsInForce(self.dictionaries, self.tags)
        self.recompute = RecomputePersons(self.facts, self.references, self.tags, self.columns, self.clock)
        self.lake = DuckLakeRelations(
            LakeFolder(self.folder / "lake", LakeColumns(self.dictionary)),
            SqlManifest(),
            self.facts.key_map,
            self.references,
            self.dictionaries,
            self.dictionary,
        )
        queries = QueryProcesses(self.folder / "queries")
        self.everybody = Everybody(self.database, self.facts, self.lake, self.tags, self.columns, queries)
        self.mapping_changes = SqlMappingChanges()
        self.compute = ComputeEverybody(
            self.database,
            self.changelog,
            self.everybody,
            self.facts,
            self.tags,
            self.columns,
            self.recompute,
            self.clock,
            self.mapping_changes,
            horizon_of,
        )
        self.put_reference_rows = PutReferenceRows(
            self.references, self.mapping_changes, self.dictionary, self.changelog, self.clock
        )
        self.follow_mapping = FollowMapping(
            self.database, self.mapping_changes, self.columns, self.compute, self.clock
        )
        self.governance = open_governance(
            self.facts,
            self.tags,
            self.columns,
            self.changelog,
            self.clock,
            queries,
            lambda: next(self._ids),
        )
        self.apply_tags = self.governance.apply_tags
        self.run_requests = RunRequests(self.tags, self.columns, lambda: next(self._ids))
        self.execute_runs = ExecuteRuns(self.database, self.tags, self.compute, self.clock)

    def apply(self, definitions: Iterable[TagDefinition], **options: Any) -> Applied:
        options = {"actor": FILES, "delete_missing": False, "validate_only": False, "etag": "", **options}
        return self.looked_at(self.apply_tags, self.tenant, list(definitions), **options)

    def looked_at(self, write: Callable[..., T], *given: Any, **options: Any) -> T:
        """What a transaction answers, once the queries that it meets were looked at."""
        while True:
            try:
                return self.database.write_now(write, *given, **options)
            except QueriesUnseen as unseen:
                for each in unseen.asked:
                    unseen.look(*each)

    def define(self, *documents: str) -> Applied:
        """Definitions as lines of YAML."""
        return self.apply(parse_definitions("\n".join(f"- {each}" for each in documents), "test"))

    def define_only(self, *documents: str) -> Applied:
        """These definitions and no others."""
        return self.apply(
            parse_definitions("\n".join(f"- {each}" for each in documents), "test"), delete_missing=True
        )

    def person(
        self, person_id: int, *keys: int, state: PersonState = PersonState.KNOWN, **said: Any
    ) -> Person:
        return Person(person_id, next(self._versions), state, key_ids=keys, **said)

    def event(self, key: int, type_: str, time: dt.datetime, **properties: Any) -> Event:
        sequence = next(self._sequences)
        return Event(sequence, "shop", f"e{sequence}", type_, time, key, properties=properties)

    def ago(self, **delta: float) -> dt.datetime:
        return self.clock.now() - dt.timedelta(**delta)

    def store(self, *facts: Person | Event, lane: Lane = Lane.LIVE) -> None:
        """Facts of one transaction, with what follows from them."""

        def write(connection: Connection) -> None:
            stored = StoreFacts(self.facts, self.clock.now)(
                connection,
                self.tenant,
                None,
                [each for each in facts if isinstance(each, Person)],
                [each for each in facts if isinstance(each, Event)],
            )
            entries = list(stored.entries)
            entries += values_after(self.recompute, connection, self.tenant, stored, lane)
            self.changelog.append(connection, lane, entries)

        self.database.write_now(write)

    def settle_facts(self) -> None:
        """As after a bootstrap: from here on runs may say that nobody is stale any more."""
        end = Progress(Revision("identity", "0" * 16, 1, 1), ())
        self.database.write_now(self.facts.progress.finish, end)

    def leave_stale(self, *facts: Person | Event) -> None:
        """Facts of the bulk lane in one transaction; what follows from them waits."""

        def write(connection: Connection) -> None:
            stored = StoreFacts(self.facts, self.clock.now)(
                connection,
                self.tenant,
                None,
                [each for each in facts if isinstance(each, Person)],
                [each for each in facts if isinstance(each, Event)],
            )
            self.changelog.append(connection, Lane.BULK, list(stored.entries))
            told = (stored.touched, 2, stored.overtaken, stored.eventful)
            self.facts.progress.add_stale(connection, self.tenant, *told)

        self.database.write_now(write)

    def stale(self) -> list[int]:
        """Whose values lag behind."""
        found = self.database.read_now(self.facts.progress.stale_ids, self.tenant)
        return sorted(person for persons in found.values() for person in persons.tolist())

    def put_rows(self, table: str, *versions: RowVersion) -> int:
        """States rows of a reference table; stored values follow with `follow_mapping`."""
        put = self.database.write_now(self.put_reference_rows, self.tenant, table, versions)
        return put.changed_count

    def run(self, *tag_ids: str, everybody: bool = False) -> Run:
        request_id = next(self._ids)
        create = self.run_requests.create
        run = self.database.write_now(create, self.tenant, request_id, tag_ids, everybody=everybody)
        return self.execute_runs.execute(self.tenant, run)

    def values(self, *columns: str) -> dict[str, dict[int, Any]]:
        """Known values by column and person."""

        def read(connection: Connection) -> dict[str, dict[int, Any]]:
            found: dict[str, dict[int, Any]] = {}
            for column, shape in self.tags.values.columns(connection, self.tenant).items():
                if not columns or column in columns:
                    persons, vector = self.tags.values.open_column(connection, self.tenant, column)
                    found[column] = dict(zip(persons.tolist(), plain(vector, shape), strict=True))
            return found

        return self.database.read_now(read)

    def changes(self, lane: Lane | None = None, after: int = 0) -> list[change_pb2.Change]:
        """The changelog's entries as a Watch tells them by default, in order of position."""
        entries = [
            entry
            for each in ([lane] if lane else LANES)
            for entry in self.database.read_now(
                self.changelog.page, each, after, limit=100_000, max_bytes=2**40
            ).entries
        ]
        found = []
        for entry in sorted(entries, key=lambda each: each.position):
            change = change_pb2.Change.FromString(entry.payload)
            change.position = entry.position
            if not change.HasField("touched"):
                found.append(change)
        return found

    @property
    def position(self) -> int:
        return self.database.read_now(self.changelog.head).position


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    return World(database, tmp_path)


@pytest.fixture
def small_sqlite_world(migrated_sqlite_url: str, tmp_path: Path) -> Iterator[Callable[[], World]]:
    opened: list[Database] = []
    template = tmp_path / "store.db"
    empty = Database.open(migrated_sqlite_url, synchronous="OFF")
    empty.write_now(Changelog("tagging").create)
    empty.close_now()

    def make() -> World:
        path = tmp_path / f"world{len(opened)}"
        path.mkdir()
        shutil.copy(template, path / "store.db")
        opened.append(Database.open(f"sqlite:///{path / 'store.db'}", synchronous="OFF"))
        return World(opened[-1], path)

    yield make
    for each in opened:
        each.close_now()


WORLDS_AT_ONCE = 2


@pytest.fixture
def small_postgres_world(
    postgres_templates: PostgresTemplates, migrations: Path, tmp_path: Path
) -> Iterator[Callable[[], World]]:
    lent: deque[ExitStack] = deque()

    def make() -> World:
        if len(lent) == WORLDS_AT_ONCE:
            lent.popleft().close()
        lent.append(ExitStack())
        used = postgres_templates.take(migrations)
        lent[-1].callback(postgres_templates.give_back, migrations, used)
        opened = Database.open(used.url)
        lent[-1].callback(opened.close_now)
        opened.write_now(Changelog("tagging").create)
        return World(opened, Path(mkdtemp(dir=tmp_path)))

    yield make
    for each in lent:
        each.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.proof])])
def small_world(request: pytest.FixtureRequest) -> Callable[[], World]:
    """Makes empty worlds for properties, on each dialect in turn; the last two can be used."""
    return cast("Callable[[], World]", request.getfixturevalue(f"small_{request.param}_world"))
