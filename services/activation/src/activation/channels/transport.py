"""HTTP to a provider, with the one distinction that matters: certainly not sent, or perhaps."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

MAX_ANSWER_BYTES = 1024 * 1024
CONNECT_TIMEOUT_S = 5.0
CONNECT_SHARE = 0.8
"""Of the whole time: a connection that does not come about must end before the total does, to be told apart."""
MAX_CONNECTIONS = 100


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A complete answer, whatever its status."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    body: bytes = field(repr=False)
    """May hold addresses, and tokens."""


class NotSentError(Exception):
    """No connection stood: nothing can have been sent."""


class UnansweredError(Exception):
    """A connection stood and no complete answer came: it may have been done.

    `reason` is TIMEOUT, CUT or UNREADABLE.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Deadline:
    """One time limit over several calls, in machine seconds from now."""

    def __init__(self, timeout_s: float) -> None:
        self._ends_s = time.monotonic() + timeout_s

    def left_s(self) -> float:
        """Never zero or below, which would mean no limit."""
        return max(0.001, self._ends_s - time.monotonic())


class Transport:
    """A pool of connections for one or more channels. Create and close it inside the running event loop."""

    def __init__(self, resolver: AbstractResolver | None = None) -> None:
        """`resolver` looks up every name; by default the system does."""
        connector = aiohttp.TCPConnector(limit=MAX_CONNECTIONS, resolver=resolver)
        self._session = aiohttp.ClientSession(
            connector=connector, auto_decompress=True, cookie_jar=aiohttp.DummyCookieJar()
        )

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_s: float
    ) -> HttpReply:
        """Send once. `url` is complete and already encoded. Raises NotSentError and UnansweredError.

        Follows no redirect and repeats nothing; `timeout_s` (machine time) covers everything.
        """
        connect_s = min(CONNECT_TIMEOUT_S, timeout_s * CONNECT_SHARE)
        timeout = aiohttp.ClientTimeout(total=timeout_s, connect=connect_s, sock_connect=connect_s)
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=body,
                timeout=timeout,
                allow_redirects=False,
                skip_auto_headers=("Content-Type", "User-Agent"),
            ) as answer:
                return await _read(answer)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSentError(type(error).__name__) from error
        except TimeoutError as error:
            raise UnansweredError("TIMEOUT") from error
        except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError) as error:
            raise UnansweredError("UNREADABLE") from error
        except (aiohttp.ClientError, OSError) as error:
            raise UnansweredError("CUT") from error

    async def close(self) -> None:
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _read(answer: aiohttp.ClientResponse) -> HttpReply:
    parts, length = [], 0
    async for part in answer.content.iter_chunked(64 * 1024):
        length += len(part)
        if length > MAX_ANSWER_BYTES:
            raise UnansweredError("UNREADABLE")
        parts.append(part)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return HttpReply(answer.status, headers, b"".join(parts))
