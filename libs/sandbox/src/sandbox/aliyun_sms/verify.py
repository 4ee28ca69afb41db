"""ACS3-HMAC-SHA256, recomputed from the bytes of the request."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote, unquote_plus

from sandbox.aliyun_sms.answers import refuse_at_the_gate
from sandbox.aliyun_sms.settings import Account
from sandbox.clock import Clock
from sandbox.memory import Memory
from sandbox.provider import Call

ALGORITHM = "ACS3-HMAC-SHA256"
VERSION = "2017-05-25"
SKEW_S = 15 * 60
NONCE_KEPT_S = 2 * SKEW_S
REQUIRED_HEADERS = (
    "host",
    "x-acs-action",
    "x-acs-content-sha256",
    "x-acs-date",
    "x-acs-signature-nonce",
    "x-acs-version",
)
_AUTHORIZATION = re.compile(
    re.escape(ALGORITHM) + r" +Credential=([^,]+), *SignedHeaders=([^,]+), *Signature=([0-9a-f]{64})"
)


def verify(call: Call, accounts: Mapping[str, Account], clock: Clock, memory: Memory) -> Account:
    """Return the account that signed the call, or refuse as the gateway does. Remembers the nonce."""
    match = _AUTHORIZATION.fullmatch(call.headers.get("authorization", ""))
    if match is None:
        raise refuse_at_the_gate(
            400, "MissingAuthorization", f"Authorization must be {ALGORITHM} with its parts."
        )
    key_id, names, signature = match[1], match[2].split(";"), match[3]
    account = accounts.get(key_id)
    if account is None:
        raise refuse_at_the_gate(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
    _check_headers(call, names)
    if call.headers["x-acs-content-sha256"] != hashlib.sha256(call.body).hexdigest():
        raise refuse_at_the_gate(
            400, "ContentSha256Mismatch", "x-acs-content-sha256 is not that of the body."
        )
    text = string_to_sign(call, names)
    expected = hmac.new(account.access_key_secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, signature):
        message = f"Specified signature is not matched with our calculation. server string to sign is: {text}"
        raise refuse_at_the_gate(400, "SignatureDoesNotMatch", message)
    _check_freshness(call, account, clock, memory)
    return account


def string_to_sign(call: Call, names: list[str]) -> str:
    """The text that is signed, for the headers that the client says it signed."""
    lines = "".join(f"{name}:{call.headers.get(name, '')}\n" for name in names)
    canonical = (
        f"{call.method}\n{call.path}\n{canonical_query(call.raw_query)}\n{lines}\n{';'.join(names)}\n"
        f"{call.headers['x-acs-content-sha256']}"
    )
    return f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"


def canonical_query(raw: str) -> str:
    """Names and values percent-encoded by RFC 3986 and sorted by name."""
    pairs = [pair.partition("=") for pair in raw.split("&") if pair]
    encoded = [(_encode(name), _encode(value)) for name, _, value in pairs]
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def _encode(text: str) -> str:
    return quote(unquote_plus(text), safe="~")


def _check_headers(call: Call, names: list[str]) -> None:
    """Signed must be host, each x-acs-* header and content-type where present; sorted, lower case."""
    missing = [name for name in REQUIRED_HEADERS if not call.headers.get(name)]
    if missing:
        raise refuse_at_the_gate(400, "MissingParameter", f"{missing[0]} is mandatory for this action.")
    present = [name for name in call.headers if name.startswith("x-acs-")]
    must = {"host", *present, *({"content-type"} & call.headers.keys())}
    unsigned = sorted(must - set(names))
    if unsigned or names != sorted(names) or len(set(names)) != len(names):
        message = f"SignedHeaders must be sorted and contain {', '.join(unsigned) or 'each name once'}."
        raise refuse_at_the_gate(400, "IncompleteSignature", message)
    if call.headers["x-acs-version"] != VERSION:
        raise refuse_at_the_gate(400, "InvalidVersion", f"Specified version is not {VERSION}.")


def _check_freshness(call: Call, account: Account, clock: Clock, memory: Memory) -> None:
    try:
        at = datetime.strptime(call.headers["x-acs-date"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise refuse_at_the_gate(
            400, "InvalidTimeStamp.Format", "x-acs-date must be like 2026-01-01T00:00:00Z"
        ) from None
    if abs(clock.now() - at.timestamp()) > SKEW_S:
        raise refuse_at_the_gate(
            400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."
        )
    scope, nonce = f"aliyun_sms.nonce.{account.access_key_id}", call.headers["x-acs-signature-nonce"]
    if memory.get(scope, nonce) is not None:
        raise refuse_at_the_gate(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
    memory.put(scope, nonce, for_s=NONCE_KEPT_S)
