"""The lane `index`: what is written to memory comes to the index, and what goes goes."""

from typing import Any

import pytest

from memory.stores.weaviate import collections
from tests.cast import Stage
from tests.memory.conftest import Ask, Remember, texts
from tests.memory.stores.conftest import serving, waiting

pytestmark = pytest.mark.usefixtures("index")


def test_a_memory_comes_to_the_index_with_its_vector(acme: Stage, remember: Remember, settle: Any, ask: Ask) -> None:
    made = remember(acme.ada, "The harbour opens on the third of May.")
    assert waiting() == 1
    settle()
    assert waiting() == 0
    assert collections.held(serving(), acme.tenant_id, made["id"])
    assert texts(ask(acme.bob, "When can ships come in?", mode="vector")) == [made["content"]]
