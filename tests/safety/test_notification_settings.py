"""What whoever runs the house says of mail and networks is read strictly: what cannot be stops the start, and is named."""

from ipaddress import ip_network

import pytest
from django.core.exceptions import ImproperlyConfigured

from chimera import env
from chimera.env import MailServer
from chimera.kernel import sealing


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("", MailServer()),
        ("smtp://mail.example", MailServer("mail.example", 25)),
        ("smtp+tls://desk:p%40ss@mail.example", MailServer("mail.example", 587, "desk", "p@ss", "smtp+tls")),
        ("smtp+ssl://mail.example:2465", MailServer("mail.example", 2465, scheme="smtp+ssl")),
    ],
)
def test_a_mail_server_is_read_from_its_url(monkeypatch: pytest.MonkeyPatch, url: str, server: MailServer) -> None:
    monkeypatch.setenv("CHIMERA_EMAIL_URL", url)
    assert env.mail_server("CHIMERA_EMAIL_URL") == server


@pytest.mark.parametrize("url", ["mail.example", "https://mail.example", "smtp://", "smtp://mail.example:99999"])
def test_what_is_no_mail_server_stops_the_start(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("CHIMERA_EMAIL_URL", url)
    with pytest.raises(ImproperlyConfigured, match="CHIMERA_EMAIL_URL"):
        env.mail_server("CHIMERA_EMAIL_URL")


def test_networks_are_read_and_what_is_none_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIMERA_NOTIFY_NETWORKS", "10.1.0.0/16, 127.0.0.1,fd00::/8")
    expected = [ip_network(each) for each in ("10.1.0.0/16", "127.0.0.1/32", "fd00::/8")]
    assert env.networks("CHIMERA_NOTIFY_NETWORKS", "") == expected
    for odd in ("10.1.0.1/16", "inside", "10.1.0.0/33"):
        monkeypatch.setenv("CHIMERA_NOTIFY_NETWORKS", odd)
        with pytest.raises(ImproperlyConfigured, match="CHIMERA_NOTIFY_NETWORKS"):
            env.networks("CHIMERA_NOTIFY_NETWORKS", "")


def test_what_is_sealed_for_one_purpose_is_not_read_for_another() -> None:
    sealed = sealing.seal("whsec_x", purpose="one")
    assert sealing.unseal(sealed, purpose="one") == "whsec_x"
    with pytest.raises(sealing.Unreadable):
        sealing.unseal(sealed, purpose="another")
    with pytest.raises(sealing.Unreadable):
        sealing.unseal(sealed[:-1] + b"A", purpose="one")
