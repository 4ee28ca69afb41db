"""What tagging keeps of a tag's past values."""

import datetime as dt

import grpc
from huaxiang.tagging.v1 import value_service_pb2
from huaxiang.tagging.v1.value_service_pb2_grpc import ValueServiceStub
from rules.evaluate.meaning import Scalar
from segments.app.insight.past_values import Changed
from segments.workers.tagging_calls import translated
from servicekit.errors import BatchTooLarge, WrongState
from servicekit.principal import TENANT_KEY
from servicekit.status import reason_of
from servicekit.values import scalar, timestamp_of

PAGE_CHANGES = 1_000


class TaggingValueChanges:
    """Implements ChangedSince."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = ValueServiceStub(channel)

    async def __call__(self, tenant: str, tag_id: str, since: dt.datetime, most: int) -> Changed:
        found: dict[int, Scalar | None] = {}
        token = ""
        while True:
            request = value_service_pb2.ListValueChangesRequest(
                tag_id=tag_id, start_time=timestamp_of(since), page_size=PAGE_CHANGES, page_token=token
            )
            try:
                page = await self._stub.ListValueChanges(request, metadata=((TENANT_KEY, tenant),))
            except grpc.aio.AioRpcError as error:
                reason = reason_of(error)
                if reason.reason == "VERSIONS_NOT_KEPT":
                    kept = reason.metadata.get("kept_since", "")
                    problem = f"they reach back to {kept}" if kept else "give the tag keep_days, then wait"
                    raise WrongState(f"tag {tag_id!r}", "without versions of its values", problem) from error
                raise translated(error) from error
            if page.HasField("counts"):
                counts = page.counts
                changed = counts.entered + counts.left + counts.changed
                if changed > most:
                    raise BatchTooLarge("persons changed since then", changed, most)
            found.update({each.person_id: scalar(each.old_value) for each in page.changes})
            token = page.next_page_token
            if not token:
                return found
