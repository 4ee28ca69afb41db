"""Access tokens for an hour, given for a grant that the service account signs with its RSA key (RFC 7523)."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from activation.channels import answers
from activation.channels.error_table import Meaning
from activation.channels.port import Scope, Verdict
from activation.channels.token_keeping import Granted, TokenRefusedError, is_token
from activation.channels.transport import Deadline, Transport

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT_S = 3_600
_NAMES = ("project_id", "client_email", "private_key", "private_key_id", "token_uri")
_ACCOUNT = Meaning(Verdict.REJECTED, Scope.ACCOUNT)
_LATER = Meaning(Verdict.RETRY)


@dataclass(frozen=True, slots=True)
class FcmAccount:
    """A service account."""

    project_id: str
    client_email: str
    private_key: RSAPrivateKey = field(repr=False)
    private_key_id: str
    token_uri: str

    @classmethod
    def read(cls, service_account: str) -> "FcmAccount":
        """Of the JSON file that the Firebase console gives out. Raises ValueError, which names no value."""
        try:
            content = json.loads(service_account)
        except ValueError:
            raise ValueError("service_account: is not JSON") from None
        stated: Mapping[str, object] = content if isinstance(content, dict) else {}
        missing = [name for name in _NAMES if not isinstance(stated.get(name), str) or not stated[name]]
        if missing:
            raise ValueError(f"service_account: has no {', '.join(missing)}")
        texts = {name: str(stated[name]) for name in _NAMES}
        try:
            key = load_pem_private_key(texts["private_key"].encode(), password=None)
        except (ValueError, TypeError):
            raise ValueError("service_account.private_key: is not a private key in PEM") from None
        if not isinstance(key, RSAPrivateKey):
            raise ValueError("service_account.private_key: is not an RSA key")
        return cls(
            texts["project_id"], texts["client_email"], key, texts["private_key_id"], texts["token_uri"]
        )


def grant(account: FcmAccount, at: datetime) -> str:
    """The signed claim to a token, RS256."""
    begins = int(at.timestamp())
    claims = {
        "iss": account.client_email,
        "scope": SCOPE,
        "aud": account.token_uri,
        "iat": begins,
        "exp": begins + GRANT_S,
    }
    return jwt.encode(claims, account.private_key, algorithm="RS256", headers={"kid": account.private_key_id})


class Tokens:
    """Asks for tokens."""

    def __init__(self, account: FcmAccount, transport: Transport, now: Callable[[], datetime]) -> None:
        self._account = account
        self._transport = transport
        self._now = now

    async def fetch(self, deadline: Deadline) -> Granted:
        """Raises TokenRefusedError, NotSentError and UnansweredError."""
        form = urlencode({"grant_type": GRANT_TYPE, "assertion": grant(self._account, self._now())})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        url = self._account.token_uri
        reply = await self._transport.send("POST", url, headers, form.encode(), deadline.left_s())
        answer = answers.content(reply)
        token, left_s = answer.get("access_token"), answer.get("expires_in")
        if reply.status == 200 and is_token(token) and isinstance(left_s, int | float):
            return Granted.lasting(token, left_s)
        error = answer.get("error")
        refused = isinstance(error, str) and 400 <= reply.status < 500 and reply.status != 429
        code = error if isinstance(error, str) else str(reply.status)
        raise TokenRefusedError(code, _ACCOUNT if refused else _LATER, answers.retry_after_s(reply))
