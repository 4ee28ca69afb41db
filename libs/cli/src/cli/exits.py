"""Exit codes, and the one way from an error to a code and a sentence."""

import sys
from collections.abc import Callable
from enum import IntEnum
from functools import wraps
from typing import NoReturn, ParamSpec

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
    "Exit codes: 0 done, 1 failed, 2 wrong usage or a file that cannot be used, 3 bad input data (see the rejects "
    "file) or a name that is not known, "
    "4 a service is not reached, 5 refused for lack of a right, 6 conflict with what is stored."
)
_OF_STATUS = {
    "UNAVAILABLE": Exit.NOT_REACHED,
    "DEADLINE_EXCEEDED": Exit.NOT_REACHED,
    "UNAUTHENTICATED": Exit.REFUSED,
    "PERMISSION_DENIED": Exit.REFUSED,
    "INVALID_ARGUMENT": Exit.BAD_DATA,
    "NOT_FOUND": Exit.BAD_DATA,
    "ABORTED": Exit.CONFLICT,
    "ALREADY_EXISTS": Exit.CONFLICT,
    "FAILED_PRECONDITION": Exit.CONFLICT,
}
RIGHT_DOTS = 2
"""A right is <service>.<noun>.<verb>."""


class Refusal(Exception):
    """A command cannot go on: what is wrong and how to mend it, with the exit code and a service's reason."""

    def __init__(self, message: str, code: Exit = Exit.FAILED, reason: str = "") -> None:
        super().__init__(f"{message} [{reason}]" if reason else message)
        self.code = code
        self.reason = reason


def reporting(command: Callable[P, None]) -> Callable[P, None]:
    """Turns the errors that users meet into one line on stderr and an exit code; with --json also into a document."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        as_json = bool(kwargs.get("as_json"))
        try:
            command(*args, **kwargs)
        except Refusal as error:
            leave(str(error), error.code, as_json=as_json, reason=error.reason)
        except KeyboardInterrupt:
            leave("stopped", Exit.FAILED, as_json=as_json)
        except BrokenPipeError:
            raise
        except Exception as error:
            known = explanation(error)
            if known is None:
                if as_json:
                    _print_error(f"a fault of the command itself: {type(error).__name__}", Exit.FAILED)
                raise
            leave(*known, as_json=as_json, reason=_reason_of(error))

    return run


def explanation(error: Exception) -> tuple[str, Exit] | None:
    """The sentence and the code of an error that the system, a service or the kit gave; None for any other error."""
    import grpc
    from servicekit.errors import RightMissing, ServiceError
    from servicekit.principal import KeyFileError
    from servicekit.status import reason_of

    if isinstance(error, ServiceError):
        return error.message, Exit.FAILED
    if isinstance(error, KeyFileError):
        return str(error), Exit.USAGE
    if isinstance(error, OSError):
        return _of_system(error)
    if not isinstance(error, grpc.RpcError):
        return None
    told = isinstance(error, grpc.Call | grpc.aio.AioRpcError)
    status = error.code().name if told else ""
    hint = " (is the suite up? huaxiang up)" if status == "UNAVAILABLE" else ""
    said = reason_of(error)
    if said.reason == RightMissing.reason:
        hint = _roles_with(said.metadata.get("right", ""))
    words = (error.details() if told else "") or status.lower() or str(error)
    message = f"{words}{hint} [{said.reason or status}]"
    return message, _OF_STATUS.get(status, Exit.FAILED)


def _roles_with(right: str) -> str:
    """Who could do it; nothing for what is no right of an rpc, such as acting for another tenant."""
    from servicekit.principal import SERVICE_ROLE, Principal
    from servicekit.rights import RIGHTS_OF_ROLE, may

    if right.count(".") != RIGHT_DOTS:
        return ""
    roles = [
        role
        for role in sorted(RIGHTS_OF_ROLE)
        if role != SERVICE_ROLE and may(Principal("", "", frozenset({role})), right)
    ]
    return f"; roles that carry it: {', '.join(roles) or 'none of people'} (a key: huaxiang key NAME --role ROLE)"


def _reason_of(error: Exception) -> str:
    """The reason that a service gave, one of its contract; empty when none did."""
    import grpc
    from servicekit.status import reason_of

    return reason_of(error).reason if isinstance(error, grpc.RpcError) else ""


def _of_system(error: OSError) -> tuple[str, Exit]:
    """A file that somebody named is theirs to mend; what befalls an open one, such as a full disk, is a failure."""
    reason = error.strerror or str(error)
    return (f"{error.filename}: {reason}", Exit.USAGE) if error.filename else (reason, Exit.FAILED)


def leave(message: str, code: Exit, *, as_json: bool, reason: str = "") -> NoReturn:
    """Ends the command with a line on stderr; with --json also with a document on stdout."""
    if as_json:
        _print_error(message, code, reason)
    print(f"huaxiang: {message}", file=sys.stderr)
    raise SystemExit(int(code))


def _print_error(message: str, code: Exit, reason: str = "") -> None:
    from cli.output import print_json

    kind = code.name.lower()
    print_json({"error": {"exit_code": int(code), "kind": kind, "reason": reason, "message": message}})
