"""What the index of segments holds."""

import grpc
from huaxiang.segments.v1 import index_service_pb2 as pb
from huaxiang.segments.v1.index_service_pb2_grpc import IndexServiceStub
from servicekit.paging import all_pages

from cli.enum_names import name_of
from cli.suite.patience import patiently


async def index_columns(channel: grpc.aio.Channel, *, troubled_only: bool) -> pb.ListIndexColumnsResponse:
    """All columns, as of the first page's sums."""
    stub = IndexServiceStub(channel)
    request = pb.ListIndexColumnsRequest(page_size=1_000, troubled_only=troubled_only)
    found: pb.ListIndexColumnsResponse | None = None
    async for page in all_pages(lambda asked: patiently(lambda: stub.ListIndexColumns(asked)), request):
        if found is None:
            found = page
        else:
            found.columns.extend(page.columns)
    assert found is not None
    found.next_page_token = ""
    return found


def state_name(column: pb.IndexColumn) -> str:
    return name_of(pb.IndexColumnState, column.state)
