"""What the use cases of matching need: stores of one transaction, and a matcher that works beside the service. The
rules of store/ports.py hold.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from identity.domain.attributes import AttributeStatement
from identity.domain.matching.bands import Bands
from identity.domain.matching.clustering import ScoredPair
from identity.domain.matching.rows import Profile
from identity.domain.matching.specification import Specification
from identity.store.matching.linker import FieldWeight, TrainedModel
from identity.store.matching.rows import LabelRow, ModelRow, RunRow, TaskRow


class Models(Protocol):
    """The registry of models: versions dense from 1."""

    def add(self, tenant: str, row: ModelRow) -> None:
        """Adds a model; the caller holds the tenant's lock."""
        ...

    def save(self, tenant: str, row: ModelRow) -> None:
        """Stores what training found."""
        ...

    def get(self, tenant: str, version: int) -> ModelRow | None:
        """A model, None when there is none."""
        ...

    def of_request(self, tenant: str, request_id: str) -> ModelRow | None:
        """The model that a request made."""
        ...

    def page(self, tenant: str, before: int, limit: int) -> Sequence[ModelRow]:
        """Models with a smaller version, the latest first; `before` 0 starts at the end."""
        ...


class Runs(Protocol):
    """Runs: ids dense from 1."""

    def add(self, tenant: str, row: RunRow) -> None:
        """Adds a run; the caller holds the tenant's lock."""
        ...

    def save(self, tenant: str, row: RunRow) -> None:
        """Stores where a run stands."""
        ...

    def get(self, tenant: str, run_id: int) -> RunRow | None:
        """A run, None when there is none."""
        ...

    def of_request(self, tenant: str, request_id: str) -> RunRow | None:
        """The run that a request started."""
        ...

    def page(self, tenant: str, before: int, limit: int) -> Sequence[RunRow]:
        """Runs with a smaller id, the latest first; `before` 0 starts at the end."""
        ...

    def next_pending(self) -> tuple[str, RunRow] | None:
        """The tenant and run that waited longest, by id and then tenant."""
        ...

    def requeue_running(self) -> None:
        """Puts runs that a stopped process left behind back to PENDING."""
        ...


class Tasks(Protocol):
    """Pairs that wait for a human, and what humans decided: labels of operations that are undone are not seen, and seen
    again when the undo is undone."""

    def replace(self, tenant: str, rows: Iterable[TaskRow]) -> None:
        """Puts these in the place of all tasks that wait. Their ids are set by the store, above all earlier ones."""
        ...

    def get(self, tenant: str, task_id: int) -> TaskRow | None:
        """A task that waits."""
        ...

    def page(self, tenant: str, after: int, limit: int) -> Sequence[TaskRow]:
        """Tasks that wait with a higher id, ascending: those nearest to linking first."""
        ...

    def remove(self, tenant: str, task_id: int) -> None:
        """Removes a task."""
        ...

    def add_label(self, tenant: str, row: LabelRow) -> None:
        """Stores a label in the place of an earlier one of the pair."""
        ...

    def label_of_task(self, tenant: str, task_id: int) -> LabelRow | None:
        """The label that a task became."""
        ...

    def labels(self, tenant: str) -> Sequence[LabelRow]:
        """Every label, by low and high."""
        ...


class MatchedKeys(Protocol):
    """Reads of many keys for matching, and the clusters that matching made."""

    def statements(
        self, tenant: str, names: Collection[str], after_key_id: int, limit: int
    ) -> Mapping[int, Sequence[AttributeStatement]]:
        """The statements of those attributes at the next `limit` keys that have any, by key id."""
        ...

    def saying(
        self, tenant: str, names: Collection[str], key_ids: Collection[int]
    ) -> Mapping[int, Sequence[AttributeStatement]]:
        """The statements of those attributes at those keys that have any."""
        ...

    def clusters(self, tenant: str, key_ids: Collection[int] | None = None) -> Mapping[int, int]:
        """The cluster id of each key that is in one; of those keys only, when given."""
        ...

    def put_clusters(self, tenant: str, clusters: Mapping[int, int]) -> None:
        """Stores the cluster of each of these keys; of 0 for none."""
        ...


class FoundParts(Protocol):
    """What a run found, kept until it is in force: texts in order."""

    def put(self, tenant: str, run_id: int, parts: Iterable[str]) -> None:
        """Puts these in the place of all that the tenant has."""
        ...

    def parts(self, tenant: str, run_id: int) -> Sequence[str]:
        """The run's; none when it has not put any."""
        ...

    def remove(self, tenant: str, run_id: int) -> None:
        """Removes the run's."""
        ...


@dataclass(frozen=True)
class MatchStores:
    """The ports of matching of one transaction."""

    models: Models
    runs: Runs
    tasks: Tasks
    keys: MatchedKeys
    found: FoundParts


Progress = Callable[[str, float], None]
"""Called with a step's name and the share of the work that is done, 0 to 1; from the matcher's thread."""


@dataclass(frozen=True)
class MatchRows:
    """Rows by position. `seeds` belong together already; `claims` as in domain/matching/clustering.py."""

    profiles: Sequence[Profile]
    seeds: Sequence[Sequence[int]]
    claims: Mapping[int, Mapping[tuple[str, str], str]]


@dataclass(frozen=True)
class Matched:
    """What a model found. `links` and `review` are pairs of rows, each pair once; `fields` explain `review`, its pairs
    nearest to linking first; `group_of` every row."""

    links: Sequence[ScoredPair]
    review: Sequence[ScoredPair]
    fields: Mapping[tuple[int, int], tuple[FieldWeight, ...]]
    group_of: Mapping[int, int]
    labelled: Mapping[tuple[int, int], float]
    candidates: int
    prior: float


class MatcherFailed(Exception):
    """The matcher could not do it; the message holds no personal data and says what to do."""


class Matcher(Protocol):
    """Trains and matches beside the event loop. Cancelling a call stops the work. Raises MatcherFailed."""

    async def train(
        self, profiles: Sequence[Profile], specification: Specification, seed: int, progress: Progress
    ) -> tuple[TrainedModel, str]:
        """The trained model and the digest of the rows it learned from."""
        ...

    async def match(
        self,
        rows: MatchRows,
        specification: Specification,
        settings: str,
        bands: Bands,
        labelled: Sequence[tuple[int, int]],
        progress: Progress,
    ) -> Matched:
        """What the model finds. `labelled` are pairs of rows whose weights are asked for in any case; those that no
        block proposed stay without one."""
        ...
