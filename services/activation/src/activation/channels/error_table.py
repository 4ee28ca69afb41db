"""What a provider's codes mean, as data: one errors.yaml beside each channel."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

import yaml

from activation.channels.port import Outcome, Scope, Verdict


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says about each target of the request that got it."""

    verdict: Verdict
    scope: Scope | None = None
    after_s: float = 0.0
    renew: bool = False
    """Refused for its token, date or signature: renew that and send once more."""
    unreachable: bool = False
    """The recipient's address will never work."""

    def outcome(self, delivery_id: str, code: str, *, batch: int, after_s: float | None = None) -> Outcome:
        """The outcome for one target of a request with `batch` targets that was answered as a whole.

        A refusal for the sake of one recipient says nothing about the others: each is tried alone.
        """
        if self.scope is Scope.RECIPIENT and batch > 1:
            return Outcome(delivery_id, Verdict.RETRY, code, alone=True)
        waits = self.verdict in (Verdict.DEFER, Verdict.RETRY)
        return Outcome(
            delivery_id=delivery_id,
            verdict=self.verdict,
            reason=code,
            scope=self.scope if self.verdict is Verdict.REJECTED else None,
            after_s=(self.after_s if after_s is None else max(after_s, self.after_s)) if waits else 0.0,
            unreachable=self.unreachable,
        )


UNKNOWN = Meaning(Verdict.UNKNOWN)


class ErrorTable:
    """Codes of one provider. An unlisted code follows the longest listed prefix, else it is UNKNOWN."""

    def __init__(self, codes: Mapping[str, Meaning], prefixes: Mapping[str, Meaning]) -> None:
        self._codes = codes
        self._prefixes = sorted(prefixes.items(), key=lambda item: -len(item[0]))

    def meaning(self, code: str, detail: str = "") -> Meaning:
        """`detail` is what a provider says beside a code of many meanings: it is listed as "code detail" then."""
        listed = self._codes.get(f"{code} {detail}") or self._codes.get(code)
        if listed is not None:
            return listed
        return next((meaning for prefix, meaning in self._prefixes if code.startswith(prefix)), UNKNOWN)

    def codes(self) -> tuple[str, ...]:
        return tuple(self._codes)


def load(*packages: str) -> ErrorTable:
    """Read errors.yaml of a channel's package; of several the last wins, code by code. Raises ValueError that names the
    code at fault."""
    codes: dict[str, Meaning] = {}
    prefixes: dict[str, Meaning] = {}
    for package in packages:
        text = files(package).joinpath("errors.yaml").read_text(encoding="utf-8")
        content = yaml.safe_load(text) or {}
        codes |= _meanings(content.get("codes", {}))
        prefixes |= _meanings(content.get("prefixes", {}))
    return ErrorTable(codes, prefixes)


def _meanings(content: Mapping[object, Mapping[str, object]]) -> dict[str, Meaning]:
    return {str(code): _meaning(str(code), entry) for code, entry in content.items()}


def _meaning(code: str, entry: Mapping[str, object]) -> Meaning:
    unknown = set(entry) - {"verdict", "scope", "after_s", "renew", "unreachable"}
    if unknown:
        raise ValueError(f"errors.yaml: {code}: unknown fields {', '.join(sorted(unknown))}")
    verdict = Verdict(str(entry["verdict"]))
    scope = Scope(str(entry["scope"])) if "scope" in entry else None
    if verdict is Verdict.REJECTED and scope is None:
        raise ValueError(f"errors.yaml: {code}: rejected needs a scope")
    if verdict is not Verdict.REJECTED and scope not in (None, Scope.RECIPIENT):
        raise ValueError(f"errors.yaml: {code}: {verdict.value} may only concern a recipient")
    unreachable = entry.get("unreachable") is True
    if unreachable and (verdict, scope) != (Verdict.REJECTED, Scope.RECIPIENT):
        raise ValueError(f"errors.yaml: {code}: only a rejected recipient can be unreachable")
    return Meaning(
        verdict, scope, float(str(entry.get("after_s", 0))), entry.get("renew") is True, unreachable
    )
