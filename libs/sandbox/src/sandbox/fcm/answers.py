"""Answers of googleapis.com: google.rpc.Status as JSON, with details that tell FCM's errors from a request's."""

from sandbox.provider import Refusal, Reply

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_HTTP = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
}
_OF_FCM = {
    "INVALID_ARGUMENT": "INVALID_ARGUMENT",
    "UNREGISTERED": "NOT_FOUND",
    "SENDER_ID_MISMATCH": "PERMISSION_DENIED",
    "QUOTA_EXCEEDED": "RESOURCE_EXHAUSTED",
    "THIRD_PARTY_AUTH_ERROR": "UNAUTHENTICATED",
    "INTERNAL": "INTERNAL",
    "UNAVAILABLE": "UNAVAILABLE",
}


def status(code: str, message: str, details: list[dict[str, object]] | None = None) -> Reply:
    """An error of the API itself."""
    error = {"code": _HTTP[code], "message": message, "status": code, "details": details or []}
    return Reply.json(_HTTP[code], {"error": error})


def fcm_error(code: str, message: str, retry_after_s: int | None = None) -> Reply:
    """An error about the message or its token."""
    reply = status(_OF_FCM[code], message, [{"@type": FCM_ERROR, "errorCode": code}])
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return Reply(reply.status, reply.body, {**reply.headers, **headers})


def refuse(code: str, message: str) -> Refusal:
    return Refusal(status(code, message))


def refuse_message(code: str, message: str) -> Refusal:
    return Refusal(fcm_error(code, message))


def refuse_field(field: str, description: str) -> Refusal:
    violation = {"field": field, "description": description}
    return Refusal(
        status(
            "INVALID_ARGUMENT",
            f"Invalid value at '{field}': {description}",
            [{"@type": BAD_REQUEST, "fieldViolations": [violation]}],
        )
    )


def no_grant(error: str, description: str) -> Refusal:
    """What the token endpoint says."""
    return Refusal(Reply.json(400, {"error": error, "error_description": description}))
