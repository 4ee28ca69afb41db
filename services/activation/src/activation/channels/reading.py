"""Reading of what providers push: JSON entries, texts that must be there, and digests that know a repeat."""

import hashlib
import json
from collections.abc import Mapping

from activation.channels.port import CallbackMalformedError
from activation.channels.wire import Callback

Entry = Mapping[str, object]


def entries(callback: Callback) -> list[Entry]:
    """The body as a JSON array of objects; a single object is an array of one. Raises CallbackMalformedError."""
    try:
        content = json.loads(callback.body)
    except ValueError as error:
        raise CallbackMalformedError("the body is not JSON") from error
    listed = [content] if isinstance(content, dict) else content
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise CallbackMalformedError("the body is not a JSON array of objects")
    return listed


def text(entry: Entry, name: str) -> str:
    """A field that must be there as text. Raises CallbackMalformedError."""
    value = entry.get(name)
    if not isinstance(value, str):
        raise CallbackMalformedError(f"an entry has no text {name}")
    return value


def digest(*parts: str) -> str:
    """64 hex digits, the same for the same parts: the dedupe_key of what they tell."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
