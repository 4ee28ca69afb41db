"""PrivacyService: what is kept of a person, readable."""

import json
from collections.abc import AsyncIterator

from huaxiang.segments.v1 import privacy_service_pb2 as pb
from huaxiang.segments.v1.privacy_service_pb2_grpc import PrivacyServiceServicer
from segments.app.export_person_data import ExportPersonData
from servicekit.calls import current_principal
from servicekit.errors import BatchTooLarge, InvalidField

MAX_PERSON_IDS = 1_000
EXPORTED_ROWS = 500
"""Rows of one message, at most."""


class PrivacyServicer(PrivacyServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(self, export: ExportPersonData) -> None:
        self._export = export

    async def ExportPersonData(
        self, request: pb.ExportPersonDataRequest, context: object
    ) -> AsyncIterator[pb.ExportPersonDataResponse]:
        tenant = current_principal().require_tenant()
        if not request.person_ids or min(request.person_ids) <= 0:
            raise InvalidField("person_ids", "is empty or holds an id that is not positive")
        if len(request.person_ids) > MAX_PERSON_IDS:
            raise BatchTooLarge("person_ids", len(request.person_ids), MAX_PERSON_IDS)
        sections = await self._export(tenant, sorted(set(request.person_ids)))
        for section, rows in sections.items():
            for start in range(0, max(len(rows), 1), EXPORTED_ROWS):
                part = rows[start : start + EXPORTED_ROWS]
                yield pb.ExportPersonDataResponse(
                    section=section,
                    rows=[json.dumps(row, ensure_ascii=False, sort_keys=True, default=str) for row in part],
                )
