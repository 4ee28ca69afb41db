"""Exit codes, and the one way from an error to a code and a sentence."""

import sys
from collections.abc import Callable
from enum import IntEnum
from functools import wraps
from typing import ParamSpec

import grpc
from servicekit.errors import ServiceError
from servicekit.status import describe, reason_of

P = ParamSpec("P")


class Exit(IntEnum):
    """What the command's exit code means."""

    OK = 0
    FAILED = 1
    USAGE = 2
    BAD_DATA = 3
    NOT_REACHED = 4
    REFUSED = 5
    CONFLICT = 6


HELP = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 bad input data (see the rejects file), "
    "4 a service is not reached, 5 refused for lack of a right, 6 conflict with what is stored."
)
_OF_STATUS = {
    grpc.StatusCode.UNAVAILABLE: Exit.NOT_REACHED,
    grpc.StatusCode.DEADLINE_EXCEEDED: Exit.NOT_REACHED,
    grpc.StatusCode.UNAUTHENTICATED: Exit.REFUSED,
    grpc.StatusCode.PERMISSION_DENIED: Exit.REFUSED,
    grpc.StatusCode.INVALID_ARGUMENT: Exit.BAD_DATA,
    grpc.StatusCode.ABORTED: Exit.CONFLICT,
    grpc.StatusCode.ALREADY_EXISTS: Exit.CONFLICT,
    grpc.StatusCode.FAILED_PRECONDITION: Exit.CONFLICT,
}


class Refusal(Exception):
    """A command cannot go on: what is wrong and how to mend it, with the exit code."""

    def __init__(self, message: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.code = code


def reporting(command: Callable[P, None]) -> Callable[P, None]:
    """Turns the errors that users meet into one line on stderr and an exit code."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except Refusal as error:
            _leave(str(error), error.code)
        except ServiceError as error:
            _leave(error.message, Exit.FAILED)
        except grpc.RpcError as error:
            code = error.code() if isinstance(error, grpc.Call | grpc.aio.AioRpcError) else None
            hint = " (is the suite up? huaxiang up)" if code is grpc.StatusCode.UNAVAILABLE else ""
            reason = reason_of(error).reason
            _leave(
                f"{describe(error)}{hint}" + (f" [{reason}]" if reason else ""),
                _OF_STATUS.get(code, Exit.FAILED) if code is not None else Exit.FAILED,
            )
        except KeyboardInterrupt:
            _leave("stopped", Exit.FAILED)

    return run


def _leave(message: str, code: Exit) -> None:
    print(f"huaxiang: {message}", file=sys.stderr)
    raise SystemExit(int(code))
