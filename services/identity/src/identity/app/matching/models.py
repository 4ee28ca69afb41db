"""CreateModel and ListModels: the registry."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from servicekit.clock import Clock
from servicekit.errors import ResourceExists, ResourceNotFound

from identity.domain.matching.bands import Bands
from identity.domain.matching.specification import Specification, parse_specification
from identity.store.matching.rows import ModelRow
from identity.store.ports import Stores


@dataclass(frozen=True)
class NewModel:
    """A model as it is asked for; `document` is the specification's, checked."""

    tenant: str
    request_id: str
    actor: str
    note: str
    document: Mapping[str, Any]
    bands: Bands


class CreateModel:
    """Adds an untrained model."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, stores: Stores, new: NewModel) -> ModelRow:
        """The model; a repeated request gets the first answer. Raises ResourceExists when it asks for another model."""
        stores.tenants.lock(new.tenant, stores.changes.head().epoch)
        document = json.dumps(new.document, sort_keys=True, ensure_ascii=False)
        bands = json.dumps(asdict(new.bands), sort_keys=True)
        known = stores.matching.models.of_request(new.tenant, new.request_id)
        if known is not None:
            if (known.specification, known.bands) != (document, bands):
                raise ResourceExists(f"request_id {new.request_id!r}")
            return known
        latest = stores.matching.models.page(new.tenant, 0, 1)
        row = ModelRow(
            latest[0].version + 1 if latest else 1,
            new.request_id,
            new.actor,
            new.note,
            int(self._clock.now().timestamp() * 1_000_000),
            document,
            bands,
        )
        stores.matching.models.add(new.tenant, row)
        return row


class ListModels:
    """Reads models, the latest first."""

    def __call__(self, stores: Stores, tenant: str, before: int, limit: int) -> Sequence[ModelRow]:
        return stores.matching.models.page(tenant, before, limit)


def known_model(stores: Stores, tenant: str, version: int) -> ModelRow:
    """A model. Raises ResourceNotFound."""
    row = stores.matching.models.get(tenant, version)
    if row is None:
        raise ResourceNotFound(f"matching model {version}")
    return row


def specification_of(row: ModelRow) -> Specification:
    """What the model compares."""
    return parse_specification(json.loads(row.specification))


def bands_of(row: ModelRow) -> Bands:
    """The model's bands."""
    return Bands(**json.loads(row.bands))
