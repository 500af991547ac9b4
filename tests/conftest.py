"""The ground of every test: a migrated database on private servers, emptied after each test, and a fixed cast.

Rows are committed, as in life: the event log shows nothing of an open transaction. The schema is made by the owner, a
plain role; the tests act as the application's role, and only the emptying is the superuser's.
"""

import os
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.management import call_command
from django.db import connections

from chimera.kernel.embedded import Weaviate
from chimera.kernel.embedded.weaviate import Address
from tests import cluster, ground
from tests import weaviate as servers
from tests.cast import Stage, found
from tests.emptying import empty
from tests.turns import dealt


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = dealt(items, [item.nodeid for item in items], workers)


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Hashing one costs 0.2 s and 100 MB, on purpose; those of tests are nobody's. What runs as a process of its own pays it."""
    with pytest.MonkeyPatch.context() as patch:
        for cost, least in {"time_cost": 1, "memory_cost": 8, "parallelism": 1}.items():
            patch.setattr(Argon2PasswordHasher, cost, least)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tests without their Weaviate are one line of the summary, and not one for each."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple) and servers.NOT_TRIED in report.longrepr[2]:
        report.longrepr = ("tests/weaviate.py", 1, report.longrepr[2])
    return report


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """A migrated database in the cluster that tests.cluster has made."""

    def migrate() -> None:
        call_command("migrate", verbosity=0)
        connections.close_all()

    with django_db_blocker.unblock():
        ground.prepare(cluster.postgres, migrate)
        yield
        connections.close_all()


@pytest.fixture
def db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Committed rows; everything is emptied afterwards."""
    with django_db_blocker.unblock():
        yield
        connections["default"].close()
        empty()


@pytest.fixture
def acme(db: None) -> Stage:
    """Tenant Acme (Europe/Lisbon): Ada and Bob work, Pia plans, Jude judges; Rita reviews, Otto operates, Fay has the money."""
    return found("Acme", time_zone="Europe/Lisbon")


@pytest.fixture
def zenith(db: None) -> Stage:
    """Another tenant with a cast of its own, who must never see anything of Acme."""
    return found("Zenith", time_zone="America/New_York")


@pytest.fixture
def settle(db: None) -> Callable[[], None]:
    """Run the relay's lanes in this process until nothing is left to do."""
    from tests.lanes import settle as run

    return run


@pytest.fixture
def weaviate(settings: Any) -> Address:
    """A real Weaviate, of which the settings know. What is in it is kept from one test to the next."""
    address = servers.address()
    for name, value in address.variables().items():
        setattr(settings, name, value)
    return address


@pytest.fixture
def weaviate_server(weaviate: Address) -> Weaviate:
    """The same, and it may be killed: the next test finds it running again."""
    return servers.server()


@pytest.fixture(scope="module")
def running(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A house, web and relay, that the tests of one file share (tests.processes.harness.House)."""
    from tests.processes.harness import shared

    with django_db_blocker.unblock(), shared(tmp_path_factory.mktemp("house")) as house:
        yield house
