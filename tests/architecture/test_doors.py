"""Every door demands an identity, and says of each method who may call it."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from django.contrib.admindocs.views import simplify_regex
from django.test import Client
from django.urls import URLPattern, get_resolver

from chimera.kernel.http.door import Door
from chimera.kernel.identity import Role

API = "/api/v1/"
NOBODY: tuple[dict[str, str], ...] = (
    {},
    {"Authorization": "Bearer chm_0123456789abcdef_nobody"},
    {"Authorization": "Basic YTpi"},
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ANY_ID = "01900000-0000-7000-8000-000000000001"
# What answers anybody, and why. Static files are no view.
OPEN = {
    "/healthz": "a load balancer asks whether the process lives; says nothing of anybody",
    "/readyz": "a load balancer asks whether the servers are there",
    "/metrics": "counters without names; the proxy keeps it inside",
    "/api/schema/": "the contract, for whoever writes a client",
    "/api/docs/": "the contract, to be read",
    "/admin/login/": "where people show who they are",
    "/admin/login/code/": "and the second half of it; without the first it leads back there",
    f"/admin/welcome/{ANY_ID}/{ANY_ID}/": "an invitation, which its token opens",
    "/admin/jsi18n/": "the words of the admin's scripts",
    "/admin/logout/": "ends what may be there, and shows the login",
}


def _routes(patterns: Any, before: str = "/") -> Iterator[tuple[str, URLPattern]]:
    for entry in patterns:
        route = before + str(entry.pattern).removeprefix("^").removesuffix("$")
        if isinstance(entry, URLPattern):
            yield route, entry
        else:
            yield from _routes(entry.url_patterns, route)


def _address(route: str) -> str:
    """The route with an id in each place."""
    plain = simplify_regex(route)
    parts = [ANY_ID if "<" in part else part for part in plain.split("/")]
    return "/".join(parts).replace("//", "/")


ROUTES = [(_address(route), entry) for route, entry in _routes(get_resolver().url_patterns)]
DOORS: dict[str, Any] = {address: entry.callback for address, entry in ROUTES if address.startswith(API)}
OTHERS = sorted({address for address, _ in ROUTES if not address.startswith(API)} - set(OPEN))


@pytest.fixture
def client(db: None) -> Client:
    return Client(raise_request_exception=True)


def test_the_walk_finds_the_house() -> None:
    assert len(DOORS) > 40
    assert len(OTHERS) > 20
    assert {f"{API}claims", f"{API}sessions/{ANY_ID}/events", f"{API}reviews/{ANY_ID}/decision"} <= set(DOORS)
    assert set(OPEN) <= {address for address, _ in ROUTES}


def test_a_call_without_credentials_is_401(client: Client) -> None:
    for address, method, headers in product(DOORS, METHODS, NOBODY):
        said = client.generic(method, address, b"{}", content_type="application/json", headers=headers)
        assert (said.status_code, said.json()["code"]) == (401, "unauthenticated"), f"{method} {address} {headers}"
        assert said.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_page_sends_a_stranger_to_the_login(client: Client) -> None:
    for address in OTHERS:
        said = client.get(address)
        assert (said.status_code, said.headers["Location"][:13]) == (302, "/admin/login/"), address
        assert client.post(address).status_code in (302, 405), address


@pytest.mark.parametrize("address", DOORS)
def test_everything_below_the_api_is_a_door_that_allows_exactly_what_it_does(address: str) -> None:
    door = getattr(DOORS[address], "cls", None)
    assert door is not None
    assert issubclass(door, Door), door
    assert set(door.allow) == {method for method in METHODS if hasattr(door, method.lower())}
    for roles in door.allow.values():
        assert roles, "a method that nobody may call"
        assert roles <= frozenset(Role)


def test_every_door_has_an_address() -> None:
    reached = {DOORS[address].cls for address in DOORS}
    assert set(_below(Door)) == reached


def _below(base: type[Door]) -> Iterator[type[Door]]:
    for kind in base.__subclasses__():
        if not kind.__module__.startswith("tests."):
            yield kind
            yield from _below(kind)
