"""Exit codes, and the one way from an error to a code and a sentence."""

import sys
from collections.abc import Callable
from enum import IntEnum
from functools import wraps
from typing import ParamSpec

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
    "UNAVAILABLE": Exit.NOT_REACHED,
    "DEADLINE_EXCEEDED": Exit.NOT_REACHED,
    "UNAUTHENTICATED": Exit.REFUSED,
    "PERMISSION_DENIED": Exit.REFUSED,
    "INVALID_ARGUMENT": Exit.BAD_DATA,
    "ABORTED": Exit.CONFLICT,
    "ALREADY_EXISTS": Exit.CONFLICT,
    "FAILED_PRECONDITION": Exit.CONFLICT,
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
        except KeyboardInterrupt:
            _leave("stopped", Exit.FAILED)
        except Exception as error:
            known = explanation(error)
            if known is None:
                raise
            _leave(*known)

    return run


def explanation(error: Exception) -> tuple[str, Exit] | None:
    """The sentence and the code of an error that a service or the kit gave; None for any other error."""
    import grpc
    from servicekit.errors import ServiceError
    from servicekit.status import reason_of

    if isinstance(error, ServiceError):
        return error.message, Exit.FAILED
    if not isinstance(error, grpc.RpcError):
        return None
    told = isinstance(error, grpc.Call | grpc.aio.AioRpcError)
    status = error.code().name if told else ""
    hint = " (is the suite up? huaxiang up)" if status == "UNAVAILABLE" else ""
    reason = reason_of(error).reason
    message = f"{(error.details() if told else '') or status.lower() or error}{hint} [{reason or status}]"
    return message, _OF_STATUS.get(status, Exit.FAILED)


def _leave(message: str, code: Exit) -> None:
    print(f"huaxiang: {message}", file=sys.stderr)
    raise SystemExit(int(code))
