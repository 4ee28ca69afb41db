"""Numbers that name something, as somebody writes them."""

from cli.exits import Exit, Refusal

MAX_ID = 2**63 - 1
"""Of every id and version that services give out."""


def could_be_id(text: str) -> bool:
    """Whether it is written as ids are, and not beyond them all."""
    return text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID)) and int(text) <= MAX_ID


def id_of(text: str, what: str) -> int:
    """The id of decimal digits. Raises Refusal when nothing can have it."""
    if len(text) > len(str(MAX_ID)) or int(text) > MAX_ID:
        raise Refusal(f"no {what} has so long an id as {text}", Exit.BAD_DATA)
    return int(text)
