"""Keeps calls out of private networks: a name is looked up once, judged, and the judged address is called."""

import asyncio
import re
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
CLOSED = tuple(
    ip_network(each)
    for each in (
        "168.63.129.16/32",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "64:ff9b:1::/48",
        "100:0:0:1::/64",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)
"""Closed too, although they look public: a cloud's door to its own inside, and what the library counts otherwise (the
IANA registries of special-purpose addresses)."""
TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("::ffff:0:0:0/96"))
"""NAT64 and SIIT (RFC 6052, RFC 2765)."""
_NUMERIC = re.compile(r"(?:.*\.)?(?:\d+|0[xX][0-9a-fA-F]*)\.?")
"""A host that old resolvers take for an address, such as 127.1 or 2130706433."""


class AddressRefusedError(OSError):
    """The name or address leads into a network that may not be called."""


def read_networks(text: str) -> tuple[Network, ...]:
    """Networks that may be called although they are private, parted by spaces or commas. Raises ValueError."""
    try:
        return tuple(ip_network(each) for each in text.replace(",", " ").split())
    except ValueError as error:
        raise ValueError(f"allow: {error}") from error


def is_public(address: Address) -> bool:
    """Whether the address lies in the open internet. What an IPv6 address wraps is judged in its place."""
    wrapped = _wrapped(address)
    if wrapped is not None:
        return is_public(wrapped)
    closed = any(address in network for network in CLOSED)
    return address.is_global and not address.is_multicast and not closed


class Guard(AbstractResolver):
    """Looks up names for a pool of connections, which connects to what is answered here and asks nobody else."""

    def __init__(self, allowed: Sequence[Network] = ()) -> None:
        self._allowed = tuple(allowed)

    def refuses(self, url: URL) -> bool:
        """Whether the URL can be refused before any look-up: an address that may not be called, a scheme other than
        https (http only to allowed addresses), a name and password, or no host."""
        host = _literal(url.host or "")
        listed = host is not None and self._listed(host)
        if not url.host or url.user is not None or url.scheme not in ("https", "http"):
            return True
        if url.scheme == "http" and not listed:
            return True
        if host is None and _NUMERIC.fullmatch(url.host):
            return True
        return host is not None and not self._may_call(host)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Every address of the name. Raises AddressRefusedError when one of them may not be called, OSError when there
        is none."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        results = [
            ResolveResult(
                hostname=host,
                host=str(place[0]),
                port=int(place[1]),
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, proto, _, place in found
        ]
        if not results:
            raise OSError("the name has no address")
        if not all(self._may_call(ip_address(each["host"])) for each in results):
            raise AddressRefusedError("the name leads into a private network")
        return results

    async def close(self) -> None:
        """Holds nothing."""

    def _may_call(self, address: Address) -> bool:
        return is_public(address) or self._listed(address)

    def _listed(self, address: Address) -> bool:
        return any(address in network for network in self._allowed)


def refused(error: BaseException | None) -> bool:
    """Whether a failure to connect goes back to the guard."""
    while error is not None:
        if isinstance(error, AddressRefusedError):
            return True
        error = error.__cause__
    return False


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _wrapped(address: Address) -> IPv4Address | None:
    """The IPv4 address inside an IPv6 one: mapped, translated, 6to4, Teredo's client or the old compatible form."""
    if isinstance(address, IPv4Address):
        return None
    teredo = address.teredo
    packed = address.packed
    if teredo is not None:
        return teredo[1]
    if any(address in each for each in TRANSLATED) or (
        packed[:12] == bytes(12) and packed[12:15] != bytes(3)
    ):
        return IPv4Address(packed[12:])
    return address.ipv4_mapped or address.sixtofour
