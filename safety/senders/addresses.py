"""Where a webhook may lead: to public addresses, and to networks that whoever runs the house has allowed (NOTIFY_NETWORKS).

A tenant names the address, and we stand inside a network where much trusts whoever calls. So what is looked at is what the name
resolves to, and the connection goes to that very address: a name that resolves to something else a moment later gains nothing.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from chimera.kernel.errors import invalid

Address = IPv4Address | IPv6Address
NAT64 = IPv6Network("64:ff9b::/96")  # an IPv4 address in its last 32 bits


# Of IANA's special-purpose registries, where one Python's `is_global` has another list than the next.
NOT_PUBLIC = [
    ip_network(each)
    for each in ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "2001::/23", "3fff::/20", "5f00::/16")
]


class Forbidden(Exception):
    """The name leads where webhooks may not go."""


class Unresolved(Exception):
    """Nobody knows the name, or nobody answered."""


def check_url(url: str) -> None:
    """What can be said without asking anybody; 422 where no webhook could ever be sent. Names are looked up with each try."""
    parts = _parts(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise _no("Give an address such as https://hooks.example.com/chimera.")
    if not url.isascii() or any(letter.isspace() or not letter.isprintable() for letter in url):
        raise _no("An address has ASCII letters alone; write others as punycode, or with percent signs.")
    if parts.username is not None or parts.password is not None:
        raise _no("Leave name and password out of the address; every call is signed instead.")
    if parts.fragment:
        raise _no("What follows the # is never sent; leave it out.")
    try:
        address = ip_address(parts.hostname)
    except ValueError:
        return
    try:
        check(address, secure=parts.scheme == "https")
    except Forbidden as why:
        raise _no(str(why)) from None


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise _no("This is no address; check its host and its port.") from None
    return parts


def _no(detail: str) -> Exception:
    return invalid(detail, field_name="address", code="invalid_address")


def resolve(host: str, port: int, *, secure: bool) -> list[Address]:
    """What the name stands for now; raises Forbidden if any of it is off limits, Unresolved where there is nothing."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as fault:
        raise Unresolved(f"{host} cannot be looked up.") from fault
    addresses = list(dict.fromkeys(ip_address(sockaddr[0]) for *_, sockaddr in found))
    for address in addresses:
        check(address, secure=secure)
    if not addresses:
        raise Unresolved(f"{host} leads nowhere.")
    return addresses


def check(address: Address, *, secure: bool) -> None:
    """Raises Forbidden, without naming the address: what a name stands for inside our network is nobody's business."""
    plain = _plain(address)
    if any(plain in network for network in settings.NOTIFY_NETWORKS):
        return
    if not _is_public(plain):
        raise Forbidden(
            "It leads to an address that is not public; who runs Chimera may allow it (CHIMERA_NOTIFY_NETWORKS)."
        )
    if not secure:
        raise Forbidden(
            "Use https; http goes to networks alone that who runs Chimera has allowed (CHIMERA_NOTIFY_NETWORKS)."
        )


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and (address.is_site_local or address.scope_id):
        return False
    if any(address in network for network in NOT_PUBLIC):
        return False
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or address.is_loopback
        or address.is_link_local
    )


def _plain(address: Address) -> Address:
    """The IPv4 address within an IPv6 one that only carries it: mapped, 6to4, Teredo, NAT64."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address.sixtofour:
        return address.sixtofour
    if address.teredo:
        return address.teredo[1]
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else address
