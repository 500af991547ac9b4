"""How memory is kept, at the console: its policy with a preview, and erasures with their receipts."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from chimera.housekeeping import erase_memories
from chimera.kernel import clock
from memory.models import MemoryErasure, MemoryRecord
from tests.cast import Stage
from tests.console.desk import Desk

POLICY, ERASURES = "/admin/memory/memorypolicy/", "/admin/memory/memoryerasure/"


@pytest.fixture
def boss(acme: Stage) -> Desk:
    return Desk(acme.boss)


def form_of(page: Any) -> dict[str, str]:
    """What the page's form would send, untouched."""
    said = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page.html))
    said |= dict(re.findall(r'<select[^>]*name="([^"]+)".*?<option value="([^"]+)" selected', page.html, re.DOTALL))
    said.pop("csrfmiddlewaretoken", None)
    return {
        name: value
        for name, value in said.items()
        if name.startswith(("deed_", "half", "max", "floor", "keep", "version"))
    }


def old_memory(acme: Stage, content: str) -> None:
    acme.ada.post("memories", {"content": content, "importance_score": 0.1}).ok(201)
    with acme.bound():
        MemoryRecord.objects.update(seen_at=clock.now() - timedelta(days=300))


def test_a_policy_is_previewed_and_then_put_in_place(acme: Stage, boss: Desk) -> None:
    old_memory(acme, "The old ferry timetable.")
    said = form_of(boss.get(POLICY).ok()) | {"half_life_days_episodic": "30", "deed_pii_email": "refuse"}
    preview = boss.post(POLICY, **said, preview="1").ok()
    assert "1 memories would go with this" in preview.text
    assert "The old ferry timetable." in preview.text
    assert acme.boss.get("memories/policy").ok()["version"] == 0
    (digest,) = re.findall(r'name="previewed" value="([0-9a-f]{64})"', preview.html)
    changed = said | {"half_life_days_episodic": "20"}
    boss.post(POLICY, **changed, save="1", previewed=digest).ok()
    assert acme.boss.get("memories/policy").ok()["version"] == 0, "what is saved is what was previewed"
    assert boss.post(POLICY, **said, save="1", previewed=digest).ok()
    policy = acme.boss.get("memories/policy").ok()
    assert (policy["version"], policy["screening"]["pii.email"]) == (1, "refuse")
    assert policy["fading"]["half_life_days"] == {"episodic": 30}
    assert "half of its strength is gone after 30 days" in boss.get(POLICY).ok().text


def test_a_policy_that_was_changed_meanwhile_is_not_overwritten(acme: Stage, boss: Desk) -> None:
    said = form_of(boss.get(POLICY).ok())
    preview = boss.post(POLICY, **said, preview="1").ok()
    (digest,) = re.findall(r'name="previewed" value="([0-9a-f]{64})"', preview.html)
    acme.boss.put("memories/policy", {"fading": {"max_age_days": {"soul": 9}}}).ok()
    refused = boss.post(POLICY, **said, save="1", previewed=digest)
    assert (refused.status, "read it again" in refused.text) == (409, True)


def test_a_policy_that_cannot_be_is_shown_again(boss: Desk) -> None:
    said = form_of(boss.get(POLICY).ok())
    for wrong in ({"half_life_days_episodic": "0"}, {"floor": ""}, {"deed_pii_email": "eat"}, {"keep_importance": "2"}):
        assert boss.post(POLICY, **said | wrong, preview="1").status == 422


def test_the_policy_is_read_by_some_and_changed_by_admins(acme: Stage) -> None:
    assert Desk(acme.rita).get(POLICY).status == 403
    for who in (acme.otto, acme.anna):
        page = Desk(who).get(POLICY).ok()
        assert "Nothing: all is kept." in page.text
        assert 'name="floor"' not in page.html
        assert Desk(who).post(POLICY, floor="0.5").status == 403


def test_an_erasure_is_asked_for_and_its_receipt_shown(acme: Stage, boss: Desk) -> None:
    acme.ada.post("memories", {"content": "about seven", "subject": "customer-7"}).ok(201)
    form = {"scope": "subject", "whose": "customer-7", "reason": "They asked."}
    assert boss.post(f"{ERASURES}new/", **form).status == 422, "the box is to be ticked"
    assert boss.post(f"{ERASURES}new/", **form | {"scope": "session", "sure": "on"}).status == 422
    assert boss.post(f"{ERASURES}new/", **form, sure="on").ok()
    with acme.bound():
        erasure = MemoryErasure.objects.get()
    assert "requested" in boss.get(f"{ERASURES}{erasure.pk}/").ok().text
    erase_memories()
    with acme.bound():
        erasure.refresh_from_db()
    page = Desk(acme.anna).get(f"{ERASURES}{erasure.pk}/").ok()
    assert erasure.seal in page.text
    assert "Memories gone" in page.text
    assert "about seven" not in page.text


def test_only_admins_may_ask_for_one(acme: Stage) -> None:
    for who in (acme.anna, acme.otto):
        desk = Desk(who)
        assert desk.get(f"{ERASURES}new/").status == 403
        assert desk.post(f"{ERASURES}new/", scope="tenant", reason="x", sure="on").status == 403
    assert "New erasure" not in Desk(acme.anna).get(ERASURES).ok().text
    with acme.bound():
        assert not MemoryErasure.objects.exists()


def test_the_command_says_what_would_fade_and_lets_it_go(acme: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    old_memory(acme, "The old ferry timetable.")
    acme.boss.put("memories/policy", {"fading": {"half_life_days": {"episodic": 30}}}).ok()
    call_command("memory", "fade", "--dry-run", "--tenant", "Acme")
    assert "would fade: 1 memories (1 episodic)" in capsys.readouterr().out
    call_command("memory", "fade", "--tenant", "Acme")
    call_command("memory", "fade", "--tenant", "Acme")
    assert capsys.readouterr().out.splitlines() == ["faded: 1 memories", "faded: 0 memories"]
