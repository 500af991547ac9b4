"""A real Weaviate for the tests that ask for it: one for each process that runs tests, started for the first of them.

Its binary is the one of `make weaviate` in CHIMERA_HOME or `.chimera/`, or the one that CHIMERA_WEAVIATE_BINARY names.
Where there is none, CHIMERA_TEST_WEAVIATE_URL (with _GRPC_URL and _API_KEY) names a server elsewhere that may be written to;
tests that kill it are not tried then. WEAVIATE_URL, which may be somebody's own, is never used.
"""

import os
from pathlib import Path

import pytest

from chimera import env
from chimera.kernel.embedded import Weaviate
from chimera.kernel.embedded.weaviate import BINARY, Address, find

ROOT = Path(__file__).resolve().parent.parent
REQUIRED = os.environ.get("CHIMERA_REQUIRE_WEAVIATE") == "1"
VARIABLES = ("WEAVIATE_URL", "WEAVIATE_GRPC_URL", "WEAVIATE_API_KEY")
NOT_TRIED = "not tried: Weaviate, because it is not built (`make weaviate`, or CHIMERA_TEST_WEAVIATE_URL)"
NOT_KILLED = "not tried: killing Weaviate, because CHIMERA_TEST_WEAVIATE_URL names a server elsewhere (`make weaviate`)"

FOUND = "CHIMERA_TEST_WEAVIATE_BINARY"  # tells the processes that run tests what the one that starts them has found

binary: Path | None = None


def forget() -> None:
    """Remember the binary, before the home becomes the tests' own, and keep everything of Weaviate from what tests start."""
    global binary
    binary = Path(os.environ[FOUND]) if FOUND in os.environ else find(env.home(ROOT))
    if binary:
        os.environ[FOUND] = str(binary)
    for name in (BINARY, *VARIABLES):
        os.environ.pop(name, None)


def built() -> Path:
    """The binary. Skips where there is none."""
    if binary is None:
        missing(NOT_KILLED if elsewhere() else NOT_TRIED)
    assert binary is not None
    return binary


def server() -> Weaviate:
    """This process's own, running. Skips where there is none."""
    from tests import cluster

    if cluster.weaviate is None:
        cluster.weaviate = Weaviate(cluster.home, built())
    cluster.weaviate.start()
    return cluster.weaviate


def address() -> Address:
    """Of this process's own, or of the one elsewhere. Skips where there is neither."""
    if binary is None and (found := elsewhere()):
        return found
    return server().address


def elsewhere() -> Address | None:
    url, grpc_url, key = (os.environ.get(f"CHIMERA_TEST_{name}", "") for name in VARIABLES)
    return Address(url, grpc_url, key) if url else None


def missing(words: str) -> None:
    assert not REQUIRED, f"{words}, and CHIMERA_REQUIRE_WEAVIATE=1 demands it"
    pytest.skip(words)
