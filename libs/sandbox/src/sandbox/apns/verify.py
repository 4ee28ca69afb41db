"""Provider tokens: signed by a key of the team, at most an hour old, not changed too often on one connection."""

from collections import OrderedDict

import jwt
from jwt.types import Options

from sandbox.apns.answers import refuse
from sandbox.apns.settings import ApnsSettings, Key
from sandbox.clock import Clock
from sandbox.http2 import CONNECTION
from sandbox.provider import Call

TOKEN_S = 3_600.0
LEAST_AGE_S = 1_200.0
SKEW_S = 300.0
KEPT = 1_000
"""Tokens and connections that are remembered."""
_UNCHECKED: Options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}
"""PyJWT would hold these against the machine's clock; they are held against the suite's here."""


class ProviderTokens:
    """Kept in memory: a restart ends all connections."""

    def __init__(self, settings: ApnsSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._issued: OrderedDict[str, tuple[Key, float]] = OrderedDict()
        self._in_use: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._ended_before = float("-inf")

    def check(self, call: Call) -> Key:
        """The key that the call is signed with, or a refusal."""
        kind, _, token = call.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise refuse("MissingProviderToken")
        key, made = self._issued.get(token) or self._verified(token)
        now = self._clock.now()
        if made > now + SKEW_S:
            raise refuse("InvalidProviderToken")
        if made < now - TOKEN_S or made < self._ended_before:
            raise refuse("ExpiredProviderToken")
        self._note_use(call.headers.get(CONNECTION, ""), token, now)
        return key

    def expire(self) -> None:
        """Take every token made before now for too old."""
        self._ended_before = self._clock.now()
        self._in_use.clear()

    def _verified(self, token: str) -> tuple[Key, float]:
        try:
            key = self._settings.keys[str(jwt.get_unverified_header(token).get("kid"))]
            claims = jwt.decode(token, key.public_key, algorithms=["ES256"], options=_UNCHECKED)
        except (jwt.InvalidTokenError, KeyError):
            raise refuse("InvalidProviderToken") from None
        made = claims.get("iat")
        if claims.get("iss") != key.team_id or not isinstance(made, int):
            raise refuse("InvalidProviderToken")
        self._issued[token] = (key, float(made))
        if len(self._issued) > KEPT:
            self._issued.popitem(last=False)
        return key, float(made)

    def _note_use(self, connection: str, token: str, now: float) -> None:
        used, since = self._in_use.get(connection, ("", float("-inf")))
        if used == token:
            return
        if now - since < LEAST_AGE_S:
            raise refuse("TooManyProviderTokenUpdates")
        self._in_use[connection] = (token, now)
        if len(self._in_use) > KEPT:
            self._in_use.popitem(last=False)
