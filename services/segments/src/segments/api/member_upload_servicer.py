"""MemberUploadService: lists of members."""

from collections.abc import AsyncIterator

from huaxiang.segments.v1 import member_upload_service_pb2 as pb
from huaxiang.segments.v1.member_upload_service_pb2_grpc import MemberUploadServiceServicer
from segments.api import parse
from segments.app.runs import RunDesk
from segments.app.upload_members import Mode, Named, UploadMembers
from segments.domain.upload import Upload
from servicekit.calls import current_principal
from servicekit.errors import BatchTooLarge, InvalidField

MAX_PERSON_IDS = 100_000
MAX_IDENTIFIERS = 10_000
MAX_VALUE_CHARS = 256
_MODES = {
    pb.UPLOAD_MODE_UNSPECIFIED: Mode.REPLACE,
    pb.UPLOAD_MODE_REPLACE: Mode.REPLACE,
    pb.UPLOAD_MODE_ADD: Mode.ADD,
    pb.UPLOAD_MODE_REMOVE: Mode.REMOVE,
}


class MemberUploadServicer(MemberUploadServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(self, uploads: UploadMembers, runs: RunDesk) -> None:
        self._uploads = uploads
        self._runs = runs

    async def UploadMembers(
        self, request_iterator: AsyncIterator[pb.UploadMembersRequest], context: object
    ) -> AsyncIterator[pb.UploadMembersResponse]:
        principal = current_principal()
        tenant, actor = principal.require_tenant(), parse.actor(principal)
        first = await _next(request_iterator)
        if first is None:
            raise InvalidField("segment_id", "is missing: the stream has no message")
        if first.mode not in _MODES:
            raise InvalidField("mode", f"{first.mode} is no mode of this version")
        upload = self._uploads.begin(tenant, first.segment_id, actor)
        async with self._runs.upload(tenant, first.segment_id, actor) as run:
            message: pb.UploadMembersRequest | None = first
            while message is not None:
                _require_bounded(message)
                await self._uploads.take_persons(tenant, upload, message.person_ids)
                named = [_named(each) for each in message.identifiers]
                await self._uploads.take_identifiers(tenant, upload, named, first.source)
                run.progress.at(upload.total)
                yield pb.UploadMembersResponse(report=_report(upload), run_id=run.run_id)
                message = await run.progress.heeding(_next(request_iterator))
            run.progress.at(upload.total, upload.total)
            # A call that its caller cancelled may look as if it had been said to its end. Only the other can be told.
            yield pb.UploadMembersResponse(report=_report(upload), run_id=run.run_id)
            finish = self._uploads.finish(tenant, first.segment_id, _MODES[first.mode], upload, actor)
            count, revision = await self._runs.complete(run, finish)
        yield pb.UploadMembersResponse(
            report=_report(upload),
            done=True,
            count=count,
            revision=revision.to_proto(),
            run_id=run.run_id,
        )


async def _next(messages: AsyncIterator[pb.UploadMembersRequest]) -> pb.UploadMembersRequest | None:
    return await anext(aiter(messages), None)


def _require_bounded(message: pb.UploadMembersRequest) -> None:
    if len(message.person_ids) > MAX_PERSON_IDS:
        raise BatchTooLarge("person_ids", len(message.person_ids), MAX_PERSON_IDS)
    if len(message.identifiers) > MAX_IDENTIFIERS:
        raise BatchTooLarge("identifiers", len(message.identifiers), MAX_IDENTIFIERS)


def _named(message: pb.UploadedIdentifier) -> Named:
    return Named(message.namespace, message.value[: MAX_VALUE_CHARS + 1], message.scope)


def _report(upload: Upload) -> pb.UploadReport:
    return pb.UploadReport(
        total=upload.total,
        matched=upload.matched,
        unmatched=upload.unmatched,
        duplicate=upload.duplicate,
        rubbish=upload.rubbish,
        examples=[
            pb.RubbishEntry(position=position, problem=problem) for position, problem in upload.examples
        ],
    )
