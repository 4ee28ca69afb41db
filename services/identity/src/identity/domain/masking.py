"""Identifiers as people may see them who may not see them."""

VISIBLE_HEAD = 3
VISIBLE_TAIL = 2
MASK = "****"


def masked(namespace: str, value: str) -> str:
    """Enough to recognise a value one knows, not enough to use it: 139****70, an****@example.com."""
    if namespace == "email":
        local, _, host = value.partition("@")
        return f"{local[:2] if len(local) > 4 else ''}{MASK}@{host}"
    value = value.removeprefix("+86") if namespace == "phone" else value
    if len(value) <= 2 * (VISIBLE_HEAD + VISIBLE_TAIL):
        return f"{value[:1]}{MASK}"
    return f"{value[:VISIBLE_HEAD]}{MASK}{value[-VISIBLE_TAIL:]}"
