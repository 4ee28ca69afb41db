"""Identifiers as sources write them to one normal form per namespace, or the reason why a value is not
usable.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from identity.domain import phone
from identity.domain.policy import Form, IdShape, Policy

MAX_VALUE_CHARS = 256
MAX_SCOPE_CHARS = 64
REMEMBERED_VALUES = 100_000
"""Values whose normal form is kept in memory, at most: sources repeat themselves."""

_SCIENTIFIC = re.compile(r"[0-9](?:\.[0-9]+)?[eE]\+?[0-9]{1,2}")
_MASKED = re.compile(r"[*●•█]")
_CROSSED_PHONE = re.compile(r"[+0-9() -]*[0-9][xX]{2,}[0-9() -]*")
_TOKEN = re.compile(r"[A-Za-z0-9_\-.@=+/]{4,128}")
_DEVICE = re.compile(r"[0-9A-Za-z_:\-.]{6,128}")
_EMAIL = re.compile(r"([a-z0-9!#$%&'+/=?^_`{|}~.-]{1,64})@([^\s@]{3,253})")
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_SCOPE = re.compile(r"[A-Za-z0-9_.:-]{0,64}")


class Problem(Enum):
    """Why a part of a record is not taken; the names are those of RefusalReason."""

    NAMESPACE_UNKNOWN = 1
    VALUE_MALFORMED = 2
    VALUE_MASKED = 3
    VALUE_ROUNDED = 4
    VALUE_BLOCKED = 5
    TIME_OUT_OF_RANGE = 6
    FIELD_INVALID = 7
    LIMIT_EXCEEDED = 8
    ATTRIBUTE_INVALID = 9
    ERASED = 10


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a value cannot be used, and a hint that mends it and does not quote it."""

    problem: Problem
    hint: str


@dataclass(frozen=True, slots=True)
class NormalValue:
    """A value in normal form; a blocked one is stored and never links."""

    text: str
    blocked: bool = False


@dataclass(frozen=True)
class BlockedValues:
    """Placeholders: in lower case, phones as digits without the country code."""

    values: frozenset[str]
    phones: frozenset[str]
    emails: frozenset[str]
    pattern: re.Pattern[str]

    def holds(self, form: Form, lowered: str) -> bool:
        """Whether a value in lower case is a placeholder."""
        if lowered in self.values or self.pattern.fullmatch(lowered):
            return True
        if form is Form.PHONE:
            digits = phone.written_digits(lowered)
            return digits is not None and self._holds_phone(phone.without_country(digits))
        return form is Form.EMAIL and lowered in self.emails

    def _holds_phone(self, digits: str) -> bool:
        return digits in self.phones or self.pattern.fullmatch(digits) is not None


def parse_blocked_values(document: Mapping[str, Any]) -> BlockedValues:
    """The lists of a document shaped like standards/blocked_values.yaml."""
    return BlockedValues(
        frozenset(document["values"]),
        frozenset(document["phones"]),
        frozenset(document["emails"]),
        re.compile("|".join(f"(?:{pattern})" for pattern in document["patterns"])),
    )


class Normaliser:
    """Normalises values under one policy. A pure function that remembers its latest answers."""

    def __init__(self, policy: Policy, blocked: BlockedValues) -> None:
        self._policy = policy
        self._blocked = blocked
        self._remembered: Callable[[Form, str], NormalValue | Unusable] = lru_cache(REMEMBERED_VALUES)(
            self._normal
        )

    def value(self, namespace: str, raw: str) -> NormalValue | Unusable:
        """The normal form of a value of a namespace."""
        declared = self._policy.namespaces.get(namespace)
        if declared is None:
            known = ", ".join(self._policy.namespaces)
            return Unusable(Problem.NAMESPACE_UNKNOWN, f"is not a declared namespace: use one of {known}")
        normal = self.of_form(declared.form, raw)
        if declared.shape is not None and isinstance(normal, NormalValue) and not normal.blocked:
            return normal if declared.shape.fits(normal.text) else _misshapen(declared.shape)
        return normal

    def under(self, policy: Policy) -> "Normaliser":
        """The same memory under another policy."""
        found = copy(self)
        found._policy = policy
        return found

    def of_form(self, form: Form, raw: str) -> NormalValue | Unusable:
        """The normal form of a value of a form: an identifier's or an address's."""
        if len(raw) > MAX_VALUE_CHARS:
            return Unusable(
                Problem.LIMIT_EXCEEDED, f"has {len(raw)} characters, the limit is {MAX_VALUE_CHARS}"
            )
        return self._remembered(form, raw)

    def _normal(self, form: Form, raw: str) -> NormalValue | Unusable:
        text = raw.strip() if raw.isascii() else unicodedata.normalize("NFKC", raw).strip()
        if not text:
            return Unusable(Problem.VALUE_MALFORMED, "is empty: leave the identifier out")
        if not (text.isascii() and text.isprintable()) and any(
            unicodedata.category(character) in _UNPRINTABLE for character in text
        ):
            return Unusable(
                Problem.VALUE_MALFORMED, "holds control or invisible characters: export it as plain text"
            )
        lowered = text.lower()
        if self._blocked.holds(form, lowered):
            return NormalValue(lowered, blocked=True)
        if form is not Form.EMAIL and _SCIENTIFIC.fullmatch(text):
            return Unusable(
                Problem.VALUE_ROUNDED,
                "a spreadsheet rounded the number to scientific form: export the column as text",
            )
        if _MASKED.search(text) or (form is Form.PHONE and _CROSSED_PHONE.fullmatch(text)):
            return Unusable(
                Problem.VALUE_MASKED, "is masked and identifies nobody: send the full value or leave it out"
            )
        return _OF_FORM[form](text)


def _misshapen(shape: IdShape) -> Unusable:
    matching = f" that match {shape.pattern}" if shape.pattern else ""
    return Unusable(
        Problem.VALUE_MALFORMED, f"is not at most {shape.max_length} characters{matching}, as declared"
    )


def scope_is_valid(scope: str) -> bool:
    """At most 64 characters of A-Z, a-z, 0-9 and _ . : -."""
    return _SCOPE.fullmatch(scope) is not None


def _phone(text: str) -> NormalValue | Unusable:
    digits = phone.written_digits(text)
    if digits is None:
        return Unusable(
            Problem.VALUE_MALFORMED, "is not a phone number: digits with an optional country code"
        )
    number = phone.e164(digits)
    if number is None:
        return Unusable(
            Problem.VALUE_MALFORMED,
            f"{len(digits.lstrip('+'))} digits that are no phone number: "
            "mainland mobiles have 11, others need +country code",
        )
    return NormalValue(number)


def _email(text: str) -> NormalValue | Unusable:
    match = _EMAIL.fullmatch(text.lower())
    try:
        host = match[2].encode("idna").decode("ascii") if match else ""
    except UnicodeError:
        host = ""
    if match is None or not _HOST.fullmatch(host):
        return Unusable(Problem.VALUE_MALFORMED, "is not an e-mail address of the form name@host.domain")
    return NormalValue(f"{match[1]}@{host}")


def _token(text: str) -> NormalValue | Unusable:
    if not _TOKEN.fullmatch(text):
        return Unusable(Problem.VALUE_MALFORMED, "is not an id of 4 to 128 letters, digits and _ - . @ = + /")
    return NormalValue(text)


def _device(text: str) -> NormalValue | Unusable:
    if not _DEVICE.fullmatch(text):
        return Unusable(Problem.VALUE_MALFORMED, "is not a device id of 6 to 128 letters, digits and _ : - .")
    return NormalValue(text.lower())


_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_OF_FORM: Mapping[Form, Callable[[str], NormalValue | Unusable]] = {
    Form.PHONE: _phone,
    Form.EMAIL: _email,
    Form.TOKEN: _token,
    Form.DEVICE: _device,
    Form.TEXT: NormalValue,
    Form.ID: NormalValue,
}
