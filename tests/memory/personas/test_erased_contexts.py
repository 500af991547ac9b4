"""What a context quoted is erased with the memory: the evidence of it, and the answer that is kept for a repeated call."""

from typing import Any

import pytest

from chimera.flows import gather_memories
from chimera.housekeeping import erase_memories
from chimera.kernel.idempotency import Answer
from memory.models import MemoryCheck
from tests.cast import Said, Stage
from tests.memory.beside import erasing_after
from tests.memory.personas.conftest import PATH, task_of
from tests.memory.personas.test_erased import ask_for

FARE = "Ferry tickets cost four euros."  # of Pia


def kept(acme: Stage, claim: dict[str, Any]) -> Said:
    body = {"task": task_of(claim), "lease_token": claim["lease_token"]}
    return acme.ada.post(PATH, body, Idempotency_Key="once")


def test_the_answer_that_is_kept_for_a_repeated_call_is_gone(acme: Stage, claim: dict[str, Any]) -> None:
    first = kept(acme, claim).ok(201)
    assert FARE in first["text"]
    assert kept(acme, claim).body == first.body
    erasure = ask_for(acme, "agent", acme.pia.id)
    erase_memories()
    assert acme.boss.get(f"memories/erasures/{erasure}").ok()["counts"]["answers"] >= 1
    with acme.bound():
        assert not Answer.objects.filter(noun="personas").exists()
    again = kept(acme, claim).ok(201)
    assert FARE not in again["text"]


def test_a_context_that_read_before_the_rows_were_gone_keeps_no_copy(
    acme: Stage, claim: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gathers, an erasure is carried out beside it, and then it is kept: the erasure waits for it, and blanks its copy."""
    erasure = ask_for(acme, "agent", acme.pia.id)
    with erasing_after(gather_memories, "_in_words", monkeypatch):
        assert FARE in kept(acme, claim).ok(201)["text"]
    assert acme.boss.get(f"memories/erasures/{erasure}").ok()["status"] == "confirmed"
    with acme.bound():
        copies = [copy for check in MemoryCheck.objects.all() for copy in check.memories]
        assert not Answer.objects.exists()
    assert [copy["content"] for copy in copies if FARE in copy["content"]] == []
    assert "[erased]" in {copy["content"] for copy in copies}
