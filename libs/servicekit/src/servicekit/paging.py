"""Page tokens: where the next page starts, bound to the request they belong to.

A token carries the last key of a page as JSON values, a hash of the request's filter and order, and a
checksum. It is no secret and no authorisation: every page is checked like the first.
"""

import base64
import binascii
import hashlib
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar, overload

from google.protobuf.message import Message

from servicekit.errors import InvalidField, PageTokenMalformed

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1_000
MAX_TOKEN_CHARS = 2_048
_FORMAT = 1
Key = Sequence[str | int]
Request = TypeVar("Request", bound=Message)
Page = TypeVar("Page")
One = TypeVar("One", str, int)
Two = TypeVar("Two", str, int)
Three = TypeVar("Three", str, int)
Four = TypeVar("Four", str, int)


def page_size(asked: int, *, default: int = DEFAULT_PAGE_SIZE, maximum: int = MAX_PAGE_SIZE) -> int:
    """The size to use: the default for 0, never more than the maximum. Raises InvalidField for a negative
    one."""
    if asked < 0:
        raise InvalidField("page_size", "is negative")
    return min(asked or default, maximum)


def request_hash(request: Message, tenant: str, ignore: Sequence[str] = ("page_token", "page_size")) -> str:
    """What a token is bound to: the tenant and every field of the request but the paging ones."""
    copy = type(request)()
    copy.CopyFrom(request)
    for name in ignore:
        if name in copy.DESCRIPTOR.fields_by_name:
            copy.ClearField(name)
    digest = hashlib.sha256(f"{copy.DESCRIPTOR.full_name}\0{tenant}\0".encode())
    digest.update(copy.SerializeToString(deterministic=True))
    return digest.hexdigest()[:16]


def make_token(last_key: Key, bound_to: str) -> str:
    """The token of the page after `last_key`; `bound_to` comes from request_hash."""
    body = json.dumps([_FORMAT, bound_to, list(last_key)], ensure_ascii=False, separators=(",", ":")).encode()
    packed = zlib.crc32(body).to_bytes(4, "big") + body
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


@overload
def read_token(token: str, bound_to: str, part: type[One], /) -> tuple[One] | None: ...
@overload
def read_token(
    token: str, bound_to: str, first: type[One], second: type[Two], /
) -> tuple[One, Two] | None: ...
@overload
def read_token(
    token: str, bound_to: str, first: type[One], second: type[Two], third: type[Three], /
) -> tuple[One, Two, Three] | None: ...
@overload
def read_token(
    token: str,
    bound_to: str,
    first: type[One],
    second: type[Two],
    third: type[Three],
    fourth: type[Four],
    /,
) -> tuple[One, Two, Three, Four] | None: ...
def read_token(token: str, bound_to: str, /, *parts: type) -> tuple[Any, ...] | None:
    """The key after which the page starts, None for the first page. `parts`: the types of what the key consists of,
    str or int. Raises PageTokenMalformed."""
    if not token:
        return None
    if len(token) > MAX_TOKEN_CHARS:
        raise PageTokenMalformed("it is too long")
    try:
        packed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise PageTokenMalformed("it is not base64url") from None
    if zlib.crc32(packed[4:]).to_bytes(4, "big") != packed[:4]:
        raise PageTokenMalformed("its checksum is wrong: it was cut or changed")
    try:
        form, bound, key = json.loads(packed[4:])
    except (ValueError, TypeError):
        raise PageTokenMalformed("its content is not that of a page token") from None
    if form != _FORMAT:
        raise PageTokenMalformed("it was made by another version")
    if bound != bound_to:
        raise PageTokenMalformed("it belongs to another request: only page_size may change between pages")
    if not isinstance(key, list) or [type(each) for each in key] != list(parts) or not all(map(_fits, key)):
        raise PageTokenMalformed("its content is not that of this list's")
    return tuple(key)


async def all_pages(call: Callable[[Request], Awaitable[Page]], request: Request) -> AsyncIterator[Page]:
    """Every answer of a listing rpc, the first page first; for callers."""
    asked: Any = type(request)()
    asked.CopyFrom(request)
    while True:
        page: Any = await call(asked)
        yield page
        if not page.next_page_token:
            return
        asked.page_token = page.next_page_token


def _fits(part: str | int) -> bool:
    return isinstance(part, str) or -(2**63) <= part < 2**63
