"""Access tokens that a provider hands out for some time: kept in memory, renewed in time, and once when refused."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self, TypeGuard

from activation.channels import answers
from activation.channels.error_table import Meaning
from activation.channels.port import Outcome, Verdict
from activation.channels.transport import Deadline, NotSentError, UnansweredError
from activation.channels.wire import WireRequest

EARLY = timedelta(minutes=4)
"""A token is renewed so long before its end, or when half of a short life is over."""
LONGEST = timedelta(days=7)
"""A token is asked for anew after so long, whatever its provider says."""
REFUSED_BORNE = timedelta(minutes=1)
"""A token may end right after it was given; when none is taken for so long the account is at fault."""


@dataclass(frozen=True, slots=True)
class Granted:
    token: str = field(repr=False)
    lifetime: timedelta

    @classmethod
    def lasting(cls, token: str, seconds: float) -> Self:
        """`seconds` is what the provider says: less than none is none, and what is no number as well."""
        return cls(token, timedelta(seconds=max(0.0, min(seconds, LONGEST.total_seconds()))))


def is_token(said: object) -> TypeGuard[str]:
    """Whether it is a text that a header can carry."""
    return isinstance(said, str) and bool(said) and said.isascii() and said.isprintable()


class TokenRefusedError(Exception):
    """The provider gave no token, so no message was sent."""

    def __init__(self, code: str, meaning: Meaning, after_s: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.meaning = meaning
        self.after_s = after_s


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one submission with a token came to."""

    outcomes: tuple[Outcome, ...]
    taken: bool
    """The provider took the token, whatever it said of the message."""
    renew: bool
    """It refused the token; nothing was sent."""


class TokenKeeper:
    """Keeps the current token of one account."""

    def __init__(self, fetch: Callable[[Deadline], Awaitable[Granted]], now: Callable[[], datetime]) -> None:
        """`fetch` raises TokenRefusedError, NotSentError and UnansweredError; `now` is the suite's clock."""
        self._fetch = fetch
        self._now = now
        self._lock = asyncio.Lock()
        self._token = ""
        self._ends: datetime | None = None
        self._refused_since: datetime | None = None

    async def get(self, deadline: Deadline, *, refused: str = "") -> str:
        """The token; `refused` is one that was not taken and must not be given again. Raises what `fetch` does."""
        async with self._lock:
            if not self._token or self._token == refused or self._ends is None or self._ends <= self._now():
                granted = await self._fetch(deadline)
                self._token = granted.token
                self._ends = self._now() + max(granted.lifetime - EARLY, granted.lifetime / 2)
            return self._token

    async def submit(
        self,
        wire: WireRequest,
        timeout_s: float,
        attempt: Callable[[str, Deadline], Awaitable[Attempt]],
    ) -> tuple[Outcome, ...]:
        """Submit with a token, and once more with a new one when the first is refused. Never raises."""
        deadline = Deadline(timeout_s)
        token = ""
        tried = Attempt((), taken=False, renew=True)
        for _ in range(2):
            try:
                token = await self.get(deadline, refused=token)
            except TokenRefusedError as error:
                return _without_token(wire, error)
            except (NotSentError, UnansweredError) as error:
                # The message was never on its way, whatever became of the question for a token.
                reason = (
                    f"TOKEN_{error.reason}" if isinstance(error, UnansweredError) else answers.NOT_CONNECTED
                )
                return answers.all_alike(wire, Verdict.RETRY, reason, answers.NOT_CONNECTED_RETRY_S)
            tried = await attempt(token, deadline)
            if tried.taken:
                self._refused_since = None
            if not tried.renew:
                return tried.outcomes
        if self._refused_for_long():
            return tried.outcomes
        reason = f"TOKEN_{tried.outcomes[0].reason}"
        return answers.all_alike(wire, Verdict.RETRY, reason, answers.NOT_CONNECTED_RETRY_S)

    def _refused_for_long(self) -> bool:
        """Notes that a token was refused right after its renewal; whether none was taken for a minute."""
        now = self._now()
        self._refused_since = self._refused_since or now
        return now - self._refused_since >= REFUSED_BORNE


def _without_token(wire: WireRequest, error: TokenRefusedError) -> tuple[Outcome, ...]:
    """What is UNKNOWN for a message is only a reason to come back here."""
    if error.meaning.verdict is Verdict.REJECTED:
        return answers.by_meaning(wire, error.meaning, error.code)
    after_s = error.after_s or error.meaning.after_s or answers.NOT_CONNECTED_RETRY_S
    return answers.all_alike(wire, Verdict.RETRY, f"TOKEN_{error.code}", after_s)
