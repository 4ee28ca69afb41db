"""The one table from errors to gRPC statuses with google.rpc.ErrorInfo, and the way back for clients."""

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from servicekit import errors

DETAILS_KEY = "grpc-status-details-bin"

CODE_OF: Mapping[type[errors.ServiceError], grpc.StatusCode] = {
    errors.InvalidInput: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.Stale: grpc.StatusCode.ABORTED,
    errors.StateConflict: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Forbidden: grpc.StatusCode.PERMISSION_DENIED,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.Exhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.HistoryGone: grpc.StatusCode.OUT_OF_RANGE,
    errors.NotReached: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.Internal: grpc.StatusCode.INTERNAL,
}
"""Looked up along the class's bases, so a service's own subclass has its category's code."""


class Reason(NamedTuple):
    """What an rpc error says to a program: ("huaxiang", "INVALID_FIELD", {"field": ..., "problem": ...})."""

    domain: str
    reason: str
    metadata: Mapping[str, str]


NO_REASON = Reason("", "", {})


def code_of(error: errors.ServiceError) -> grpc.StatusCode:
    """The gRPC code of an error; INTERNAL for one that belongs to no category."""
    for cls in type(error).__mro__:
        code = CODE_OF.get(cls)
        if code is not None:
            return code
    return grpc.StatusCode.INTERNAL


def details_of(error: errors.ServiceError) -> bytes:
    """The serialised google.rpc.Status that carries the error's ErrorInfo."""
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=error.domain, metadata=error.metadata)
    packed = any_pb2.Any()
    packed.Pack(info)
    status = status_pb2.Status(code=code_of(error).value[0], message=error.message, details=[packed])
    return bytes(status.SerializeToString())


def reason_of(error: grpc.RpcError) -> Reason:
    """The domain, reason and metadata of a failed call; empty ones when the answer carries no ErrorInfo."""
    trailing: Iterable[tuple[str, bytes]] = error.trailing_metadata() or ()  # type: ignore[assignment]
    for key, value in trailing:
        if key != DETAILS_KEY:
            continue
        for detail in status_pb2.Status.FromString(value).details:
            info = error_details_pb2.ErrorInfo()
            if detail.Unpack(info):
                return Reason(info.domain, info.reason, dict(info.metadata))
    return NO_REASON


def is_reason(error: grpc.RpcError, reason: str, domain: str = errors.SHARED_DOMAIN) -> bool:
    """Whether a failed call gives this reason."""
    said = reason_of(error)
    return said.reason == reason and said.domain == domain


def describe(error: grpc.RpcError) -> str:
    """One line for a person at a terminal: code, message, reason and metadata."""
    said = reason_of(error)
    code = error.code().name
    details = error.details()
    return f"{code}: {details}" + (
        f" [{said.reason} {json.dumps(dict(said.metadata), ensure_ascii=False)}]" if said.reason else ""
    )
