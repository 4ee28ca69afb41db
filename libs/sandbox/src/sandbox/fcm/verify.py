"""Access tokens for grants that a service account has signed."""

import secrets

import jwt
from jwt.types import Options

from sandbox.clock import Clock
from sandbox.fcm.answers import no_grant, refuse
from sandbox.fcm.settings import FcmSettings, Project
from sandbox.memory import Memory
from sandbox.provider import Call, Reply, decode_form

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPES = frozenset(
    {"https://www.googleapis.com/auth/firebase.messaging", "https://www.googleapis.com/auth/cloud-platform"}
)
LONGEST_GRANT_S, SKEW_S = 3_600, 300.0
_VALID = "fcm.token"
_UNCHECKED: Options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}
"""PyJWT would hold these against the machine's clock; they are held against the suite's here."""


class Tokens:
    """Issues and checks access tokens; they survive a restart, and a new one does not end the old."""

    def __init__(self, settings: FcmSettings, clock: Clock, memory: Memory) -> None:
        self._settings = settings
        self._clock = clock
        self._memory = memory

    def issue(self, call: Call) -> Reply:
        """POST /token."""
        asked = decode_form(call.body.decode("latin-1"))
        if call.method != "POST" or asked.get("grant_type") != GRANT_TYPE:
            raise no_grant("unsupported_grant_type", f"Invalid grant_type: {asked.get('grant_type', '')}")
        project = self._verified(asked.get("assertion", ""), call.headers.get("host", ""))
        token = "ya29." + secrets.token_urlsafe(48)
        self._memory.put(_VALID, token, project.project_id, for_s=self._settings.token_s)
        content = {"access_token": token, "expires_in": int(self._settings.token_s), "token_type": "Bearer"}
        return Reply.json(200, content)

    def check(self, call: Call, project_id: str) -> Project:
        """The project that the call may write to, or a refusal."""
        kind, _, token = call.headers.get("authorization", "").partition(" ")
        holder = self._memory.get(_VALID, token) if kind == "Bearer" else None
        if holder is None:
            raise refuse("UNAUTHENTICATED", "Request had invalid authentication credentials.")
        project = self._settings.projects.get(project_id)
        if project is None or holder != project_id:
            raise refuse("PERMISSION_DENIED", "Permission denied on resource project.")
        return project

    def expire(self) -> None:
        """End every token at once."""
        self._memory.forget_all(_VALID)

    def _verified(self, assertion: str, host: str) -> Project:
        """The project of the service account that signed a grant."""
        try:
            claims = jwt.decode(assertion, options={"verify_signature": False})
            issuer = claims.get("iss")
            project = next(each for each in self._settings.projects.values() if each.client_email == issuer)
            jwt.decode(assertion, project.public_key, algorithms=["RS256"], options=_UNCHECKED)
        except StopIteration:
            raise no_grant("invalid_grant", "Invalid grant: account not found") from None
        except jwt.InvalidTokenError:
            raise no_grant("invalid_grant", "Invalid JWT Signature.") from None
        begins, ends = claims.get("iat"), claims.get("exp")
        now = self._clock.now()
        if (
            not isinstance(begins, int)
            or not isinstance(ends, int)
            or not 0 < ends - begins <= LONGEST_GRANT_S
            or begins > now + SKEW_S
            or ends < now - SKEW_S
        ):
            raise no_grant("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes).")
        if claims.get("aud") not in {f"http://{host}/token", f"https://{host}/token"}:
            raise no_grant("invalid_grant", "Invalid JWT: Failed audience check.")
        if not SCOPES & set(str(claims.get("scope", "")).split()):
            raise no_grant("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        return project
