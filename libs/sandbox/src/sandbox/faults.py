"""The fault plan: which request meets which misfortune, repeatable by seed."""

import hashlib
import struct
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from sandbox.document import Reader, SettingsError

ANY = "*"
MAX_RULES = 100


class Fault(StrEnum):
    """What goes wrong. "before" = nothing was sent; "after" = everything was sent and remembered first."""

    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    GARBAGE = "garbage"
    """Sent, and the answer is not the provider's format."""
    PARTIAL = "partial"
    """The first part of the addresses is sent, then the provider breaks and answers 5xx."""
    THROTTLE = "throttle"
    SLOW = "slow"
    GO_AWAY = "go_away"
    """HTTP/2: the connection is told to go away before this request is looked at. Elsewhere as RESET_BEFORE."""
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - the name of a fault
    """Tokens handed out so far stop being valid before this request; without any, nothing happens."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Applies a fault to some requests of a provider's action."""

    fault: Fault
    provider: str = ANY
    action: str = ANY
    rate: float = 1.0
    """Share of the matching requests, drawn by seed."""
    calls: tuple[int, ...] = ()
    """Only these, counted from 1 per provider and action since the sandbox started; empty = all."""
    limit: int = 0
    """Fires at most so often; 0 = without end."""
    delay_s: float = 30.0
    """Machine seconds: how long SLOW waits, how long TIMEOUT_* holds the connection before it is cut."""
    status: int = 500
    retry_after_s: int = 1
    share: float = 0.5
    """PARTIAL: which part of the addresses is served."""


class FaultPlan:
    """Asks the rules in order; the first that matches and fires wins.

    Whether a rule fires is a function of the seed, the rule's place, the action and the number of the call,
    so the n-th call of an action meets the same fault in each run.
    """

    def __init__(self, seed: int, rules: tuple[Rule, ...] = ()) -> None:
        self._seed = seed
        self._calls: Counter[tuple[str, str]] = Counter()
        self._fired: Counter[int] = Counter()
        self.rules = rules

    def replace(self, rules: tuple[Rule, ...]) -> None:
        """Set the rules; numbers of calls and limits start anew."""
        self.rules = rules
        self._calls.clear()
        self._fired.clear()

    def next(self, provider: str, action: str) -> Rule | None:
        """Count one more call and return the rule that hits it."""
        self._calls[provider, action] += 1
        number = self._calls[provider, action]
        for place, rule in enumerate(self.rules):
            if rule.provider not in (ANY, provider) or rule.action not in (ANY, action):
                continue
            if rule.calls and number not in rule.calls:
                continue
            if rule.limit and self._fired[place] >= rule.limit:
                continue
            (lot,) = draws(1, self._seed, place, provider, action, number)
            if lot < rule.rate:
                self._fired[place] += 1
                return rule
        return None

    def fired(self) -> list[int]:
        """How often each rule fired, in the order of the rules."""
        return [self._fired[place] for place in range(len(self.rules))]


def read_rules(readers: list[Reader]) -> tuple[Rule, ...]:
    """Read rules from a settings document; problems go to the readers."""
    if len(readers) > MAX_RULES:
        raise SettingsError(f"faults: {len(readers)} rules, at most {MAX_RULES} are allowed")
    return tuple(_rule(reader) for reader in readers)


def _rule(reader: Reader) -> Rule:
    rule = Rule(
        fault=Fault(reader.choice("fault", [fault.value for fault in Fault])),
        provider=reader.text("provider", ANY),
        action=reader.text("action", ANY),
        rate=reader.share("rate", 1.0),
        calls=reader.wholes("calls"),
        limit=reader.whole("limit", 0),
        delay_s=reader.number("delay_s", 30.0, high=3600),
        status=reader.whole("status", 500, low=500, high=599),
        retry_after_s=reader.whole("retry_after_s", 1, high=86_400),
        share=reader.share("share", 0.5),
    )
    reader.close()
    return rule


def draws(count: int, *parts: object) -> list[float]:
    """`count` independent numbers in [0, 1), 1 to 8, a function of the parts alone."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8 * count).digest()
    return [number / 2**64 for number in struct.unpack(f">{count}Q", digest)]
