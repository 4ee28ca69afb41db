"""Keeps personal data unreadable: AES-256-GCM under keys that come from one master secret, or are sealed under it."""

import hmac
import os
from hashlib import sha256

from activation.store.ports import Unreadable
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
KEY_BYTES = 32
HASH_HEX_CHARS = 32


class Vault:
    """`master` is the service's secret. A campaign's key is random and stored sealed; destroying it makes every
    request built for the campaign unreadable for good."""

    def __init__(self, master: bytes) -> None:
        if len(master) < KEY_BYTES:
            raise ValueError(f"the master secret has {len(master)} bytes, at least {KEY_BYTES} are needed")
        self._own = AESGCM(_derive(master, b"activation/own"))
        self._hash_key = _derive(master, b"activation/addresses")
        self._print_key = _derive(master, b"activation/fingerprints")

    def seal(self, plain: bytes, about: str) -> bytes:
        """Sealed under the service's own key, bound to what it is about."""
        return _seal(self._own, plain, about)

    def open(self, sealed: bytes, about: str) -> bytes:
        """Raises Unreadable."""
        return _open(self._own, sealed, about)

    def new_campaign_key(self, about: str) -> bytes:
        """A fresh key, sealed."""
        return self.seal(AESGCM.generate_key(256), about)

    def seal_under(self, sealed_key: bytes, plain: bytes, about: str) -> bytes:
        """Sealed under a campaign's key. Raises Unreadable."""
        return _seal(AESGCM(self.open(sealed_key, about)), plain, about)

    def open_under(self, sealed_key: bytes, sealed: bytes, about: str) -> bytes:
        """Raises Unreadable."""
        return _open(AESGCM(self.open(sealed_key, about)), sealed, about)

    def address_hash(self, tenant: str, channel: str, address: str) -> str:
        """Equal for equal addresses of a tenant and channel, of no use without the secret; 32 hex digits."""
        text = "\x1f".join([tenant, channel, address])
        return hmac.new(self._hash_key, text.encode(), sha256).hexdigest()[:HASH_HEX_CHARS]

    def fingerprint(self, text: str) -> str:
        """Equal for equal texts, of no use without the secret; 32 hex digits."""
        return hmac.new(self._print_key, text.encode(), sha256).hexdigest()[:HASH_HEX_CHARS]


def _derive(master: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(master)


def _seal(key: AESGCM, plain: bytes, about: str) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + key.encrypt(nonce, plain, about.encode())


def _open(key: AESGCM, sealed: bytes, about: str) -> bytes:
    try:
        return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about.encode())
    except InvalidTag as error:
        raise Unreadable("it was sealed under another secret, or is damaged") from error
