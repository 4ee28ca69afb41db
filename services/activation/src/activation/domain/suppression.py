"""Addresses that are left in peace."""

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from activation.domain.campaign import MARKETING, MAX_NOTE_CHARS, MAX_REFERENCE_CHARS, Draft
from activation.domain.policy import CONTACT_CHANNELS

MAX_ADDRESS_CHARS = 256
OPT_OUT, UNREACHABLE = "opt_out", "unreachable"
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")


class Scope(StrEnum):
    """What an entry is about."""

    GLOBAL = "global"
    BRAND = "brand"
    CHANNEL = "channel"
    TOPIC = "topic"


@dataclass(frozen=True, slots=True)
class Suppression:
    """An entry: nothing of its scope goes to the address; of marketing alone unless `every_class`. `name` is the brand,
    channel or topic."""

    dest_hash: str
    scope: Scope
    name: str
    every_class: bool
    reason: str
    since: dt.datetime
    subject: str = ""

    def covers(self, draft: Draft, channel: str) -> bool:
        """Whether it holds a campaign's messages on a kind of address back."""
        named = {
            Scope.GLOBAL: "",
            Scope.BRAND: draft.brand,
            Scope.CHANNEL: channel,
            Scope.TOPIC: draft.topic,
        }[self.scope]
        meant = self.name == named and (self.scope is Scope.GLOBAL or bool(named))
        return meant and (self.every_class or draft.message_class == MARKETING)


def held_back(entries: Iterable[Suppression], draft: Draft, channel: str) -> frozenset[str]:
    """The hashes of addresses that a campaign must not write to."""
    return frozenset(each.dest_hash for each in entries if each.covers(draft, channel))


def problem_of(scope: Scope, name: str, reason: str = "") -> tuple[str, str] | None:
    """The first field that breaks its limits and how, None when all is well."""
    if scope is Scope.GLOBAL and name:
        return "name", "is given for the global scope"
    if scope is Scope.CHANNEL and name not in CONTACT_CHANNELS:
        return "name", f"is none of {', '.join(CONTACT_CHANNELS)}"
    if scope is not Scope.GLOBAL and not name:
        return "name", f"is missing: which {scope.value}"
    if len(name) > MAX_REFERENCE_CHARS:
        return "name", f"is longer than {MAX_REFERENCE_CHARS} characters"
    if len(reason) > MAX_NOTE_CHARS:
        return "reason", f"is longer than {MAX_NOTE_CHARS} characters"
    return None


def address_problem(channel: str, address: str) -> tuple[str, str] | None:
    """What is wrong with an address, None when all is well: in another form than identity's it would hold nothing
    back. The problem never quotes it."""
    if channel not in CONTACT_CHANNELS:
        return "channel", f"is none of {', '.join(CONTACT_CHANNELS)}"
    if not address or len(address) > MAX_ADDRESS_CHARS:
        return "address", f"is not 1 to {MAX_ADDRESS_CHARS} characters"
    if channel == "sms" and not _PHONE.fullmatch(address):
        return "address", "is no phone in E.164, for example +8613800000000"
    if channel == "email" and (address != address.lower() or address.count("@") != 1):
        return "address", "is no e-mail address in lower case"
    return None
