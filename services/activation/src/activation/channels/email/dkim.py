"""DKIM (RFC 6376) for mails of our own writing.

They are written so that the canonical form "relaxed" of their bodies is the body itself, which is signed as it is.
"""

import base64
import hashlib
import re
from collections.abc import Mapping

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

SIGNED = (
    b"from",
    b"to",
    b"subject",
    b"date",
    b"message-id",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
)
"""Header fields that are signed where they are there."""
MIN_RSA_BITS = 1_024
_DOMAIN = re.compile(r"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
_FOLD = re.compile(rb"\r\n[ \t]+")


class DkimSigner:
    """Signs for one domain with one key."""

    def __init__(self, domain: str, selector: str, private_key: str) -> None:
        """`private_key` is RSA in PEM. Raises ValueError, which does not show it."""
        if not _DOMAIN.fullmatch(domain) or not _DOMAIN.fullmatch(selector):
            raise ValueError("dkim_selector: is no name of DNS")
        try:
            key = serialization.load_pem_private_key(private_key.encode(), password=None)
        except (ValueError, TypeError):
            raise ValueError("dkim_key: is not an unencrypted private key in PEM") from None
        if not isinstance(key, RSAPrivateKey) or key.key_size < MIN_RSA_BITS:
            raise ValueError(f"dkim_key: is not RSA of {MIN_RSA_BITS} bits or more")
        self._key = key
        self._head = f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s={selector}; t=".encode()

    def header(self, content: bytes, signed_at_s: int) -> bytes:
        """The DKIM-Signature field of a mail, with its line's end, to be put in front of it."""
        head, _, body = content.partition(b"\r\n\r\n")
        fields = _canonical(head)
        names = [name for name in SIGNED if name in fields]
        digest = base64.b64encode(hashlib.sha256(body).digest())
        listed = b":".join(names)
        parts = (self._head + str(signed_at_s).encode(), b"h=" + listed, b"bh=" + digest, b"b=")
        text = b"".join([*(fields[name] for name in names), b"dkim-signature:", b"; ".join(parts)])
        signature = base64.b64encode(self._key.sign(text, PKCS1v15(), hashes.SHA256()))
        return b"DKIM-Signature: " + b";\r\n\t".join(parts) + signature + b"\r\n"


def _canonical(head: bytes) -> Mapping[bytes, bytes]:
    """Each field by its name in lower case, relaxed and with its line's end."""
    fields = {}
    for line in _FOLD.sub(b" ", head).split(b"\r\n"):
        name, _, value = line.partition(b":")
        small = name.lower()
        fields[small] = small + b":" + b" ".join(value.split()) + b"\r\n"
    return fields
