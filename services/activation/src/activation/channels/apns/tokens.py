"""Provider tokens: ES256, made by ourselves, not more often than every twenty minutes and good for an hour."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

RENEWED_AFTER = timedelta(minutes=40)
LEAST_AGE = timedelta(minutes=20)
"""Apple refuses a provider that changes its token more often."""


@dataclass(frozen=True, slots=True)
class ApnsAccount:
    """An app, and a key of the team that it belongs to."""

    team_id: str
    key_id: str
    topic: str
    """The app's bundle id."""
    private_key: EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def read(cls, team_id: str, key_id: str, topic: str, private_key: str) -> "ApnsAccount":
        """`private_key` is the text of the .p8 file. Raises ValueError, which names no value."""
        try:
            key = load_pem_private_key(private_key.encode(), password=None)
        except (ValueError, TypeError):
            raise ValueError("private_key: is not a private key in PEM") from None
        if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
            raise ValueError("private_key: is not a key on the curve P-256")
        return cls(team_id, key_id, topic, key)


def signed(account: ApnsAccount, at: datetime) -> str:
    """A token that was made at `at`."""
    claims = {"iss": account.team_id, "iat": int(at.timestamp())}
    return jwt.encode(claims, account.private_key, algorithm="ES256", headers={"kid": account.key_id})


class ProviderTokens:
    """Keeps the current token."""

    def __init__(self, account: ApnsAccount, now: Callable[[], datetime]) -> None:
        self._account = account
        self._now = now
        self._token = ""
        self._made: datetime | None = None

    def get(self) -> str:
        """The token, a new one when it is older than forty minutes, or was made in what is now the future."""
        now = self._now()
        if self._made is None or not self._made <= now < self._made + RENEWED_AFTER:
            self._token, self._made = signed(self._account, now), now
        return self._token

    def refused(self, token: str) -> bool:
        """Note that `token` is said to have expired; whether another may be tried."""
        if token != self._token:
            return True
        if self._made is not None and self._now() < self._made + LEAST_AGE:
            return False
        self._made = None
        return True
