"""Reading of what providers push: JSON entries, texts that must be there, and digests that know a repeat."""

import hashlib
import json
import re
from collections.abc import Mapping

from activation.channels.port import CallbackMalformedError
from activation.channels.wire import Callback

Entry = Mapping[str, object]
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""Of a letter that JSON may write in two halves: one alone is no letter, and nothing can store it."""


def entries(callback: Callback) -> list[Entry]:
    """The body as a JSON array of objects; a single object is an array of one. Raises CallbackMalformedError."""
    content = decoded(callback.body)
    listed = [content] if isinstance(content, dict) else content
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise CallbackMalformedError("the body is not a JSON array of objects")
    return listed


def decoded(raw: bytes) -> object:
    """JSON in UTF-8. Raises CallbackMalformedError, also when it is nested too deep or a text in it is none."""
    try:
        written = raw.decode("utf-8-sig")
        content: object = json.loads(written)
        if _HALF.search(written):
            json.dumps(content, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise CallbackMalformedError("the body is not JSON") from error
    return content


def text(entry: Entry, name: str) -> str:
    """A field that must be there as text. Raises CallbackMalformedError."""
    value = entry.get(name)
    if not isinstance(value, str):
        raise CallbackMalformedError(f"an entry has no text {name}")
    return value


def digest(*parts: str) -> str:
    """64 hex digits, the same for the same parts: the dedupe_key of what they tell."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
