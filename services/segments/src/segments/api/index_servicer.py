"""IndexService: what the index holds, for whoever operates it."""

from collections.abc import Mapping

from huaxiang.segments.v1 import index_service_pb2 as pb
from huaxiang.segments.v1.index_service_pb2_grpc import IndexServiceServicer
from segments.app.index_status import IndexStatus
from segments.domain.extent import ColumnState, ColumnStatus, Containers, IndexTotals
from servicekit.calls import current_principal
from servicekit.freshness import Freshness
from servicekit.paging import make_token, page_size, read_token, request_hash
from servicekit.values import timestamp_of

_STATES: Mapping[ColumnState, pb.IndexColumnState.ValueType] = {
    ColumnState.READY: pb.INDEX_COLUMN_STATE_READY,
    ColumnState.EMPTY: pb.INDEX_COLUMN_STATE_EMPTY,
    ColumnState.COMPUTING: pb.INDEX_COLUMN_STATE_COMPUTING,
    ColumnState.FAILED: pb.INDEX_COLUMN_STATE_FAILED,
    ColumnState.REBUILDING: pb.INDEX_COLUMN_STATE_REBUILDING,
}


class IndexServicer(IndexServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(self, status: IndexStatus, freshness: Freshness) -> None:
        self._status = status
        self._freshness = freshness

    async def ListIndexColumns(
        self, request: pb.ListIndexColumnsRequest, context: object
    ) -> pb.ListIndexColumnsResponse:
        tenant = current_principal().require_tenant()
        size = page_size(request.page_size)
        bound_to = request_hash(request, tenant, ("page_token", "page_size", "consistency"))
        last = read_token(request.page_token, bound_to, str)
        await self._freshness.ensure(request.consistency)
        found = await self._status.page(
            tenant, last[0] if last else "", size, troubled_only=request.troubled_only
        )
        token = make_token([found.columns[-1].column], bound_to) if found.has_more else ""
        return pb.ListIndexColumnsResponse(
            columns=[_column(each) for each in found.columns],
            next_page_token=token,
            totals=_totals(found.totals),
            revision=found.read_at.to_proto(),
        )


def _column(status: ColumnStatus) -> pb.IndexColumn:
    extent = status.extent
    return pb.IndexColumn(
        column=status.column,
        form=status.form,
        state=_STATES[status.state],
        state_note=status.note,
        by_runs=status.by_runs,
        deprecated=status.is_deprecated,
        defined_position=status.position,
        block_count=extent.blocks,
        known_count=extent.persons,
        bytes=extent.bytes,
        containers=None if extent.containers is None else _containers(extent.containers),
        changed_count=extent.changes,
        stored_beside_count=status.beside,
        file=_file(status),
        erasure_due=extent.owes,
    )


def _containers(found: Containers) -> pb.IndexContainers:
    return pb.IndexContainers(
        full_count=found.full,
        dense_count=found.dense,
        sparse_count=found.sparse,
        run_count=found.run,
        slice_count=found.slices,
        few_count=found.few,
    )


def _file(status: ColumnStatus) -> pb.IndexFile | None:
    named = status.extent.file
    if named is None:
        return None
    written = None if status.written is None else timestamp_of(status.written)
    return pb.IndexFile(
        name=named.file, bytes=named.bytes, merge_time=written, damaged=bool(status.extent.damage)
    )


def _totals(totals: IndexTotals) -> pb.IndexTotals:
    return pb.IndexTotals(
        column_count=totals.columns,
        file_count=totals.in_files,
        damaged_count=totals.damaged,
        troubled_count=totals.not_ready,
        bytes=totals.bytes,
        file_bytes=totals.file_bytes,
        changed_count=totals.changes,
        person_count=totals.persons,
        mapped_bytes=totals.mapped.bytes,
        mapped_bytes_most=totals.mapped.most_bytes,
        as_of=timestamp_of(totals.as_of),
    )
