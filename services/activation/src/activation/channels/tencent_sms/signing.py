"""TC3-HMAC-SHA256 of Tencent Cloud: https://cloud.tencent.com/document/api/382/52070 (a key derived per day)."""

import hashlib
import hmac
from datetime import UTC, datetime

ALGORITHM = "TC3-HMAC-SHA256"
SERVICE = "sms"
VERSION = "2021-01-11"
CONTENT_TYPE = "application/json"
SIGNED = "content-type;host"


def signature(secret: str, host: str, body: bytes, at: datetime) -> str:
    """Hex signature of POST / with this JSON body; `at` is aware, whole seconds count."""
    canonical = (
        f"POST\n/\n\ncontent-type:{CONTENT_TYPE}\nhost:{host}\n\n{SIGNED}\n{hashlib.sha256(body).hexdigest()}"
    )
    to_sign = "\n".join(
        (ALGORITHM, str(int(at.timestamp())), _scope(at), hashlib.sha256(canonical.encode()).hexdigest())
    )
    key = f"TC3{secret}".encode()
    for part in _scope(at).split("/"):
        key = _hmac(key, part)
    return _hmac(key, to_sign).hex()


def signed_headers(
    *, secret_id: str, secret: str, host: str, action: str, region: str, body: bytes, at: datetime
) -> dict[str, str]:
    """All headers of the request, names in lower case."""
    proof = signature(secret, host, body, at)
    return {
        "authorization": (
            f"{ALGORITHM} Credential={secret_id}/{_scope(at)}, SignedHeaders={SIGNED}, Signature={proof}"
        ),
        "content-type": CONTENT_TYPE,
        "host": host,
        "x-tc-action": action,
        "x-tc-region": region,
        "x-tc-timestamp": str(int(at.timestamp())),
        "x-tc-version": VERSION,
    }


def _scope(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d}/{SERVICE}/tc3_request"


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
