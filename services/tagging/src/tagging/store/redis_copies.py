"""Hot copies in Redis, sealed: whoever reads Redis alone learns neither whose they are nor what they say.

A person's copies are one hash, `huaxiang:portrait:<tenant>:<keyed hash of the person id>`, with a field per shape, so
that one command forgets them all. A field is 12 random bytes and the AES-256-GCM of version and payload, bound to its
key and field: a copy moved elsewhere does not open. What does not open is no copy.
"""

import hashlib
import os
import struct
from collections.abc import Awaitable, Collection, Mapping
from typing import Any, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from redis.asyncio import Redis
from redis.exceptions import RedisError
from tagging.store.portrait_ports import CopiesUnavailable, HotCopy, Version

SECRET_BYTES = 32
TTL_S = 3_600
"""Copies of persons that nobody asks for are gone after this."""
TIMEOUT_S = 0.1
CONNECT_TIMEOUT_S = 0.5
MAX_CONNECTIONS = 32
PREFIX = "huaxiang:portrait"
_NONCE_BYTES = 12
_POSITION = struct.Struct("<qB")


class RedisCopies:
    """HotCopies at a redis:// or rediss:// URL. `secret` is shared by all processes of one store."""

    def __init__(self, url: str, secret: bytes, *, ttl_s: int = TTL_S) -> None:
        if len(secret) != SECRET_BYTES:
            raise ValueError(f"the secret has {len(secret)} bytes, not {SECRET_BYTES}")
        self._redis = Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            max_connections=MAX_CONNECTIONS,
        )
        self._ttl_s = ttl_s
        self._names = _derived(secret, b"names")
        self._cipher = AESGCM(_derived(secret, b"copies"))

    async def get(self, tenant: str, person_ids: Collection[int], shape: bytes) -> dict[int, HotCopy]:
        keys = {person_id: self._key(tenant, person_id) for person_id in person_ids}
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys.values():
            pipeline.hget(key, cast(str, shape))
        sealed = await self._run(pipeline.execute())
        found: dict[int, HotCopy] = {}
        for (person_id, key), each in zip(keys.items(), sealed, strict=True):
            copy = self._opened(key, shape, each) if each is not None else None
            if copy is not None:
                found[person_id] = copy
        return found

    async def put(self, tenant: str, shape: bytes, copies: Mapping[int, HotCopy]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for person_id, copy in copies.items():
            key = self._key(tenant, person_id)
            pipeline.hset(key, cast(str, shape), cast(str, self._sealed(key, shape, copy)))
            pipeline.expire(key, self._ttl_s)
        await self._run(pipeline.execute())

    async def drop(self, tenant: str, person_ids: Collection[int]) -> None:
        if person_ids:
            await self._run(self._redis.unlink(*(self._key(tenant, each) for each in person_ids)))

    async def close(self) -> None:
        await self._redis.aclose()

    def _key(self, tenant: str, person_id: int) -> str:
        name = hashlib.blake2b(
            person_id.to_bytes(8, "little"), key=self._names, person=_short(tenant), digest_size=16
        )
        return f"{PREFIX}:{tenant}:{name.hexdigest()}"

    def _sealed(self, key: str, shape: bytes, copy: HotCopy) -> bytes:
        epoch = copy.version.epoch.encode()
        plain = _POSITION.pack(copy.version.position, len(epoch)) + epoch + copy.payload
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, key.encode() + shape)

    def _opened(self, key: str, shape: bytes, sealed: bytes) -> HotCopy | None:
        try:
            plain = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], key.encode() + shape)
        except (InvalidTag, ValueError):
            return None
        position, length = _POSITION.unpack_from(plain)
        start = _POSITION.size + length
        epoch = plain[_POSITION.size : start].decode()
        return HotCopy(Version(epoch, position), plain[start:])

    @staticmethod
    async def _run(command: Awaitable[Any] | Any) -> Any:
        try:
            return await command
        except (RedisError, OSError, TimeoutError) as error:
            raise CopiesUnavailable(type(error).__name__) from error


def _derived(secret: bytes, use: bytes) -> bytes:
    """A key of its own for each use."""
    return hashlib.blake2b(use, key=secret, digest_size=32).digest()


def _short(tenant: str) -> bytes:
    return hashlib.blake2b(tenant.encode(), digest_size=16).digest()
