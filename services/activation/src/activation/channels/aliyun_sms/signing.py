"""ACS3-HMAC-SHA256 of Aliyun: https://help.aliyun.com/document_detail/2713553.html (no key derivation)."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

ALGORITHM = "ACS3-HMAC-SHA256"
VERSION = "2017-05-25"


def canonical_query(query: Sequence[tuple[str, str]]) -> str:
    """RFC 3986 encoding, sorted by name; also the query to send."""
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(query))


def signature(secret: str, query: Sequence[tuple[str, str]], headers: Mapping[str, str]) -> str:
    """Hex signature of POST / with these headers, all of them signed; names in lower case."""
    names = sorted(headers)
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    canonical = "\n".join(
        ("POST", "/", canonical_query(query), lines, ";".join(names), headers["x-acs-content-sha256"])
    )
    to_sign = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()


def signed_headers(
    *,
    key_id: str,
    secret: str,
    host: str,
    action: str,
    query: Sequence[tuple[str, str]],
    content_type: str,
    body: bytes,
    at: datetime,
    nonce: str,
) -> dict[str, str]:
    """All headers of the request. `at` is aware; `content_type` empty means none."""
    headers = {
        "host": host,
        "x-acs-action": action,
        "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
        "x-acs-date": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": nonce,
        "x-acs-version": VERSION,
    }
    if content_type:
        headers["content-type"] = content_type
    proof = signature(secret, query, headers)
    names = ";".join(sorted(headers))
    return headers | {
        "authorization": f"{ALGORITHM} Credential={key_id},SignedHeaders={names},Signature={proof}"
    }
