"""TrainModel, RunMatching, GetRun, ListRuns, CancelRun: runs as resources; the worker carries them out."""

from collections.abc import Sequence

from servicekit.errors import QueueFull, ResourceExists, ResourceNotFound, WrongState

from identity.app.matching.models import known_model
from identity.store.matching.rows import ENDED, RunKind, RunRow, RunState
from identity.store.ports import Stores

MAX_WAITING_RUNS = 10
"""Runs of a tenant that have not ended, at most."""


class StartRun:
    """Puts a run in the queue."""

    def __call__(self, stores: Stores, tenant: str, request_id: str, kind: RunKind, version: int) -> RunRow:
        """The run; a repeated request gets the first one. Raises ResourceExists when it was for something else,
        ResourceNotFound for the model, WrongState for a match with a model that is not trained, QueueFull."""
        stores.tenants.lock(tenant, stores.changes.head().epoch)
        runs = stores.matching.runs
        known = runs.of_request(tenant, request_id)
        if known is not None:
            if (known.kind, known.model_version) != (kind, version):
                raise ResourceExists(f"request_id {request_id!r}")
            return known
        model = known_model(stores, tenant, version)
        if kind is RunKind.MATCH and not model.settings:
            raise WrongState(f"matching model {version}", "untrained", "train it first")
        latest = runs.page(tenant, 0, MAX_WAITING_RUNS)
        if len(latest) == MAX_WAITING_RUNS and all(run.state not in ENDED for run in latest):
            raise QueueFull("matching runs", MAX_WAITING_RUNS)
        run = RunRow(latest[0].run_id + 1 if latest else 1, request_id, kind, version)
        runs.add(tenant, run)
        return run


class GetRun:
    """Reads a run."""

    def __call__(self, stores: Stores, tenant: str, run_id: int) -> RunRow:
        """Raises ResourceNotFound."""
        run = stores.matching.runs.get(tenant, run_id)
        if run is None:
            raise ResourceNotFound(f"matching run {run_id}")
        return run


class ListRuns:
    """Reads runs, the latest first."""

    def __call__(self, stores: Stores, tenant: str, before: int, limit: int) -> Sequence[RunRow]:
        return stores.matching.runs.page(tenant, before, limit)


class CancelRun:
    """Asks a run to stop; one that waits stops at once."""

    def __call__(self, stores: Stores, tenant: str, run_id: int) -> RunRow:
        """The run. One that was cancelled stays so. Raises ResourceNotFound, WrongState for one that ended
        otherwise."""
        stores.tenants.lock(tenant, stores.changes.head().epoch)
        run = GetRun()(stores, tenant, run_id)
        if run.state is RunState.CANCELLED:
            return run
        if run.state in ENDED:
            raise WrongState(f"matching run {run_id}", run.state.name.lower(), "it has ended")
        run = run._replace(cancelling=True)
        if run.state is RunState.PENDING:
            run = run._replace(state=RunState.CANCELLED)
            stores.matching.found.remove(tenant, run_id)
        stores.matching.runs.save(tenant, run)
        return run
