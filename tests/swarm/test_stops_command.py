"""`manage.py chimera stop | kill | pause | resume`: the same flows from the command line, with a reason, and asking before it stops."""

from collections.abc import Callable

import pytest
from django.contrib.auth import get_user_model
from django.core.management.base import CommandError

from chimera.kernel.eventlog import Event
from swarm.models import AgentProfile, Campaign, Stop, SwarmSession, Task
from tests.cast import Stage
from tests.swarm.test_operator_command import run

WHY = ("--reason", "it runs away", "--as", "otto@acme")


def test_each_thing_is_paused_resumed_and_stopped(acme: Stage, settle: Callable[[], None]) -> None:
    campaign = acme.otto.post("campaigns", {"name": "c", "goal": "g"}).ok(201)["id"]
    session = acme.session(campaign=campaign)["id"]
    acme.task(session)
    settle()
    acme.ada.claim()
    for what, model, named, end in (
        ("agent", AgentProfile, acme.ada.id, "suspended"),
        ("session", SwarmSession, session, "stopped"),
        ("campaign", Campaign, campaign, "stopped"),
    ):
        for verb, status in (("pause", {"paused", "inactive"}), ("resume", {"running", "active"}), ("kill", {end})):
            assert named in run(verb, what, named, *WHY, "--yes")
            with acme.bound():
                assert model._default_manager.get(pk=named).status in status
    with acme.bound():
        assert Task.objects.get().status == "cancelled"
        assert Event.objects.filter(type="swarm.agent.killed.v1", payload__reason="it runs away").count() == 1


def test_the_tenant_and_everything_stand_still_until_they_are_resumed(acme: Stage) -> None:
    get_user_model().objects.filter(pk=acme.boss.id).update(is_superuser=True)
    assert run("stop", "tenant", *WHY, "--yes") == "Stopped all work of Acme.\n"
    assert run("stop", "everything", "--reason", "now", "--yes") == "Stopped all work of every tenant.\n"
    with acme.bound():
        assert [(str(one), one.by_name) for one in Stop.objects.acting()] == [
            ("stop of tenant", "otto@acme"),
            ("stop of everything", "boss@acme"),
        ]
    run("resume", "everything", "--reason", "on")
    run("resume", "tenant", *WHY)
    with acme.bound():
        assert not Stop.objects.acting().exists()


def test_it_asks_first_and_says_what_is_missing(acme: Stage) -> None:
    for words, sentence in (
        (("stop", "tenant", *WHY), "add --yes to do it without asking"),
        (("stop", "agent", *WHY, "--yes"), "Say which agent, by its id"),
        (("pause", "tenant", acme.ada.id, *WHY), "That has no id here"),
        (("stop", "everything", "--reason", "now", "--yes"), "There is no superuser"),
        (("resume", "tenant", *WHY), "there is nothing to resume"),
        (("pause", "tenant", "--reason", " ", "--as", "otto@acme"), "Say why"),
        (("kill", "agent", acme.ada.id, "--reason", "\u200b", "--yes"), "Say why"),
        (("stop", "everything", "--reason", "", "--yes"), "Say why"),
        (("pause", "tenant", "--reason", "x", "--as", "rita@acme"), "no operator or admin"),
    ):
        with pytest.raises(CommandError, match=sentence):
            run(*words)
