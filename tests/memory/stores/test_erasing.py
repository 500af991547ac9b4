"""An erasure reaches Weaviate, and its receipt waits for that."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from chimera.housekeeping import erase_memories
from chimera.kernel.embedded import Weaviate
from memory.actions import lane
from memory.stores.weaviate import collections
from tests.cast import Stage
from tests.memory.conftest import Remember
from tests.memory.stores.conftest import drain, serving, waiting

pytestmark = pytest.mark.usefixtures("index")


def test_what_is_erased_leaves_the_index_and_all_else_stays(acme: Stage, remember: Remember, settle: Any) -> None:
    gone, kept = remember(acme.ada, "of ada"), remember(acme.bob, "of bob")
    settle()
    collection = serving()
    assert collections.held(collection, acme.tenant_id, gone["id"])
    said = {"scope": "agent", "whose": acme.ada.id, "reason": "They asked."}
    erasure = acme.boss.post("memories/erasures", said).ok(202)
    erase_memories()
    half = acme.boss.get(f"memories/erasures/{erasure['id']}").ok()
    assert (half["status"], list(half["pending"]), half["seal"]) == ("erased", ["index"], None)
    settle()
    assert waiting() == 0
    assert not collections.held(collection, acme.tenant_id, gone["id"])
    assert collections.held(collection, acme.tenant_id, kept["id"])
    erase_memories()
    assert acme.boss.get(f"memories/erasures/{erasure['id']}").ok()["status"] == "confirmed"


def test_while_weaviate_is_down_nothing_is_confirmed(
    acme: Stage, remember: Remember, settle: Any, weaviate_server: Weaviate
) -> None:
    gone = remember(acme.ada, "of ada")
    settle()
    erasure = acme.boss.post("memories/erasures", {"scope": "tenant", "reason": "They asked."}).ok(202)
    weaviate_server.kill()
    erase_memories()
    settle()
    erase_memories()
    assert acme.boss.get(f"memories/erasures/{erasure['id']}").ok()["status"] == "erased"
    assert acme.ada.get("memories").ok()["results"] == []
    weaviate_server.start()
    lane.look_at_once()
    drain()
    assert not collections.held(serving(), acme.tenant_id, gone["id"])
    erase_memories()
    assert acme.boss.get(f"memories/erasures/{erasure['id']}").ok()["status"] == "confirmed"


def test_a_rebuild_that_fails_does_not_forget_what_the_index_is_to_lose(
    acme: Stage, remember: Remember, settle: Any, weaviate_server: Weaviate
) -> None:
    gone = remember(acme.ada, "of ada")
    remember(acme.bob, "of bob")
    settle()
    erasure = acme.boss.post("memories/erasures", {"scope": "agent", "whose": acme.ada.id, "reason": "They asked."}).ok(
        202
    )
    weaviate_server.kill()
    erase_memories()
    with pytest.raises(CommandError, match="Weaviate is away"):
        call_command("memory", "reindex", "--tenant", str(acme.tenant_id))
    erase_memories()
    assert acme.boss.get(f"memories/erasures/{erasure['id']}").ok()["status"] == "erased"
    weaviate_server.start()
    lane.look_at_once()
    drain()
    assert not collections.held(serving(), acme.tenant_id, gone["id"])
