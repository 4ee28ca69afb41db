"""TC3-HMAC-SHA256, recomputed from the bytes of the request."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from sandbox.clock import Clock
from sandbox.provider import Call
from sandbox.tencent_sms.answers import refuse
from sandbox.tencent_sms.settings import App

ALGORITHM = "TC3-HMAC-SHA256"
SERVICE = "sms"
VERSION = "2021-01-11"
SKEW_S = 5 * 60
REGIONS = ("ap-beijing", "ap-guangzhou", "ap-nanjing")
MUST_SIGN = {"content-type", "host"}
_AUTHORIZATION = re.compile(
    re.escape(ALGORITHM)
    + r" Credential=([^/,]+)/(\d{4}-\d\d-\d\d)/([a-z]+)/tc3_request,"
    + r" *SignedHeaders=([a-z0-9;-]+), *Signature=([0-9a-f]{64})",
    re.ASCII,
)


def verify(call: Call, apps: Mapping[str, App], clock: Clock) -> App:
    """Return the app whose keys signed the call, or refuse as the gateway does."""
    match = _AUTHORIZATION.fullmatch(call.headers.get("authorization", ""))
    if match is None:
        raise refuse("AuthFailure.InvalidAuthorization", "The Authorization header is not of this form.")
    secret_id, date, service, names, signature = match.groups()
    app = apps.get(secret_id)
    if app is None:
        raise refuse("AuthFailure.SecretIdNotFound", "The SecretId is not found.")
    _check_headers(call)
    signed = names.split(";")
    if signed != sorted(set(signed)) or MUST_SIGN - set(signed) or service != SERVICE:
        raise refuse("AuthFailure.InvalidAuthorization", "Sign content-type and host, sorted, for sms.")
    timestamp = _timestamp(call)
    if abs(clock.now() - timestamp) > SKEW_S:
        raise refuse("AuthFailure.SignatureExpire", "The request was signed more than 5 minutes ago.")
    scope = f"{date}/{service}/tc3_request"
    expected = _sign(app.secret_key, scope, string_to_sign(call, signed, scope))
    if date != f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d}" or not hmac.compare_digest(
        expected, signature
    ):
        raise refuse("AuthFailure.SignatureFailure", "The provided credentials could not be validated.")
    return app


def string_to_sign(call: Call, signed: list[str], scope: str) -> str:
    """The text that is signed, for the headers that the client says it signed."""
    lines = "".join(f"{name}:{call.headers.get(name, '').strip().lower()}\n" for name in signed)
    canonical = "\n".join(
        (
            call.method,
            call.path,
            call.raw_query,
            lines,
            ";".join(signed),
            hashlib.sha256(call.body).hexdigest(),
        )
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return "\n".join((ALGORITHM, call.headers["x-tc-timestamp"], scope, digest))


def _sign(secret: str, scope: str, text: str) -> str:
    key = f"TC3{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _check_headers(call: Call) -> None:
    for name in ("host", "content-type", "x-tc-action", "x-tc-timestamp", "x-tc-version"):
        if not call.headers.get(name):
            raise refuse("MissingParameter", f"The header {name} is missing.")
    if call.headers["x-tc-version"] != VERSION:
        raise refuse("NoSuchVersion", f"There is no such version of sms; there is {VERSION}.")
    if call.headers.get("x-tc-region") not in REGIONS:
        raise refuse("UnsupportedRegion", f"Regions of sms are {', '.join(REGIONS)}.")
    if call.method != "POST" or call.path != "/":
        raise refuse("UnsupportedProtocol", "Calls are POST /.")


def _timestamp(call: Call) -> int:
    text = call.headers["x-tc-timestamp"]
    if not (text.isascii() and text.isdecimal() and len(text) <= 12):
        raise refuse("InvalidParameter", "X-TC-Timestamp must be in whole seconds.")
    return int(text)
