"""Where webhooks may lead: to public addresses and allowed networks, whatever the name says and however it is spelt."""

import socket
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from chimera.kernel.errors import Refused
from safety.senders import addresses, posting

INSIDE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.5", "172.16.3.4", "192.168.1.1", "100.64.0.1", "169.254.169.254", "192.0.0.8",
    "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.7",
    "::1", "::", "fe80::1", "fe80::1%1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "100::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.5", "::127.0.0.1", "2002:7f00:1::", "2002:a00:5::1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:5", "2001:0:a00:5:0:0:f5ff:fffa",
]  # fmt: skip
OUTSIDE = ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:8.8.8.8", "64:ff9b::808:808"]
ODD_SPELLINGS = ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost"]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(addresses.Forbidden) as refusal:
        addresses.check(ip_address(address), secure=True)
    assert address not in str(refusal.value)


@pytest.mark.parametrize("address", OUTSIDE)
def test_a_public_address_is_not(address: str) -> None:
    addresses.check(ip_address(address), secure=True)
    with pytest.raises(addresses.Forbidden, match="Use https"):
        addresses.check(ip_address(address), secure=False)


def test_an_allowed_network_is_reached_by_http_too_and_its_neighbour_is_not(settings: Any) -> None:
    settings.NOTIFY_NETWORKS = [ip_network("10.1.0.0/16")]
    for address in ("10.1.2.3", "::ffff:10.1.2.3"):
        addresses.check(ip_address(address), secure=False)
    with pytest.raises(addresses.Forbidden):
        addresses.check(ip_address("10.2.0.1"), secure=True)


@pytest.mark.parametrize("host", ODD_SPELLINGS)
def test_what_a_name_resolves_to_counts_not_how_it_is_spelt(host: str) -> None:
    with pytest.raises(addresses.Forbidden):
        addresses.resolve(host, 443, secure=True)


def test_one_address_of_several_that_is_inside_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("8.8.8.8", "10.0.0.5")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: both)
    with pytest.raises(addresses.Forbidden):
        addresses.resolve("both.example", 443, secure=True)


def test_the_connection_goes_to_the_address_that_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that answers otherwise when it is asked again gains nothing: it is asked once."""
    asked: list[str] = []
    connected: list[str] = []

    def resolves(host: str, *args: Any, **more: Any) -> Any:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8" if len(asked) == 1 else "127.0.0.1", 443))]

    def connects(address: tuple[str, int], *args: Any, **more: Any) -> Any:
        connected.append(address[0])
        raise OSError("nobody here")

    monkeypatch.setattr(socket, "getaddrinfo", resolves)
    monkeypatch.setattr(socket, "create_connection", connects)
    outcome = posting.post("https://turncoat.example/hook", body=b"{}", headers={})
    assert (outcome.taken, outcome.final, asked, connected) == (False, False, ["turncoat.example"], ["8.8.8.8"])


def test_an_address_that_swallows_all_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as an IPv6 one, where IPv6 leads nowhere."""
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("8.8.8.8", "8.8.4.4")]
    connected: list[tuple[str, float]] = []

    def connects(address: tuple[str, int], timeout: float, **more: Any) -> Any:
        connected.append((address[0], timeout))
        raise TimeoutError if len(connected) == 1 else OSError("nobody here")

    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: both)
    monkeypatch.setattr(socket, "create_connection", connects)
    assert posting.post("https://both.example/hook", body=b"{}", headers={}).is_down
    assert [host for host, _ in connected] == ["8.8.8.8", "8.8.4.4"]
    assert connected[0][1] <= posting.TIMEOUT_SECONDS / 2 < connected[1][1] <= posting.TIMEOUT_SECONDS


@pytest.mark.parametrize(
    "url",
    [
        "ftp://hooks.example.com/x", "hooks.example.com", "https://", "https:///x", "https://user:word@hooks.example.com/", "https://hooks.example.com/#x",
        "https://höoks.example.com/", "https://hooks.example.com/a b", "https://hooks.example.com/\r\nHost: x", "https://127.0.0.1/", "https://[::1]/",
        "https://[::ffff:10.0.0.5]/", "http://8.8.8.8/", "https://hooks.example.com:99999/", "https://[::1", "file:///etc/passwd", "",
    ],
)  # fmt: skip
def test_an_address_that_could_never_be_is_refused_at_once(url: str) -> None:
    with pytest.raises(Refused) as refusal:
        addresses.check_url(url)
    assert (refusal.value.status, refusal.value.code) == (422, "invalid_address")


def test_an_ordinary_address_is_taken() -> None:
    addresses.check_url("https://hooks.example.com:8443/services/T0/B0?thread=1")
