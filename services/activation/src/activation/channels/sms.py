"""What all SMS channels share: mainland numbers, words of refusal, the providers' local time."""

import re
from datetime import datetime, timedelta, timezone

from activation.channels.port import CallbackMalformedError, Message, Problem, Target

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
MAINLAND = re.compile(r"\+86(1[3-9]\d{9})", re.ASCII)
"""E.164; the group is the eleven digits."""
_REFUSAL = re.compile(r"(R|T|TD|N|0000|退订|拒收)", re.IGNORECASE)


def refuses(words: str) -> bool:
    """Whether a reply means: no more messages."""
    return _REFUSAL.fullmatch(words.strip()) is not None


def e164(phone: str) -> str:
    """A mainland number as providers write it, with or without 86."""
    digits = phone.lstrip("+")
    return f"+{digits}" if digits.startswith("86") and len(digits) == 13 else f"+86{digits}"


def china_time(words: str) -> datetime:
    """2026-01-31 08:00:00 in China, aware. Raises CallbackMalformedError."""
    try:
        return datetime.strptime(words, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    except ValueError as error:
        raise CallbackMalformedError("a time is not like 2026-01-31 08:00:00") from error


def sign_problems(message: Message) -> list[Problem]:
    if message.sign_name and "【" not in message.sign_name and "】" not in message.sign_name:
        return []
    return [Problem("sign_name", "SIGN_MISSING", "name a registered sign, without 【】")]


def address_problems(target: Target) -> list[Problem]:
    if MAINLAND.fullmatch(target.address):
        return []
    hint = "this channel reaches mainland mobile numbers, +86 and eleven digits"
    return [Problem("address", "ADDRESS_MALFORMED", hint, target.delivery_id)]
