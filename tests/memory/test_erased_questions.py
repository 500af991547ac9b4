"""Frozen questions that name whom an erasure is about, or have words of what it erases, are blank; others stay."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from chimera.kernel.eventlog import START, read
from memory.models import MemoryCheck
from tests.cast import Stage
from tests.memory.conftest import Remember
from tests.memory.test_erasure import erased

ASKED = {
    "subject": {
        "what does Customer-7 owe?": "[erased]",
        "(customer-7)": "[erased]",
        "what does customer-70 owe?": "what does customer-70 owe?",
        "who paid for the crane": "[erased]",  # words of what was found
        "is it raining": "is it raining",
    },
    "person": {
        "what did OTTO@acme say": "[erased]",
        "is Ms. van der Meer right?": "[erased]",
        "what did person:{whose} write": "[erased]",
        "is the van there": "is the van there",
        "what is {whose} + 1": "what is {whose} + 1",
        "who paid for the crane": "[erased]",
    },
}


@pytest.mark.parametrize("scope", sorted(ASKED))
def test_questions_that_name_the_erased_or_have_their_words_are_blank(
    acme: Stage, remember: Remember, settle: Any, scope: str
) -> None:
    get_user_model().objects.filter(pk=acme.otto.id).update(first_name="Otilie", last_name="van der Meer")
    whose = {"subject": "customer-7", "person": acme.otto.id}[scope]
    remember(acme.otto, "The crane was paid by an uncle.", subject="customer-7")
    remember(acme.pia, "The quay is made of stone.")
    acme.task(acme.session())
    settle()
    (claim,) = acme.ada.claim()
    lease = {"task": claim["task"]["id"], "lease_token": claim["lease_token"]}
    for query in ASKED[scope]:
        acme.ada.post("memories/search", {"query": query.format(whose=whose)} | lease).ok()
    receipt = erased(acme, scope, whose)
    with acme.bound():
        found = list(MemoryCheck.objects.order_by("pk").values_list("query", flat=True))
        told = str([event.payload for event in read(START, limit=1000)])
    assert found == [became.format(whose=whose) for became in ASKED[scope].values()]
    assert receipt["counts"]["questions"] == found.count("[erased]")
    assert "so do questions that neither name" in receipt["beyond"]
    assert "crane" not in told
    assert "owe" not in told


def test_a_person_of_another_house_is_not_looked_up(
    acme: Stage, zenith: Stage, remember: Remember, settle: Any
) -> None:
    """Else an admin would learn from what is blank who it is that has this number elsewhere."""
    acme.task(acme.session())
    settle()
    (claim,) = acme.ada.claim()
    lease = {"task": claim["task"]["id"], "lease_token": claim["lease_token"]}
    acme.ada.post("memories/search", {"query": "who is otto@zenith"} | lease).ok()
    erased(acme, "person", zenith.otto.id)
    with acme.bound():
        assert MemoryCheck.objects.get().query == "who is otto@zenith"
