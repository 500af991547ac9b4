"""Who sees which page and may walk which verb: the truth table of tests.console.places, and what changes it."""

from django.contrib.auth import get_user_model

from tests.cast import Stage
from tests.console.desk import Desk
from tests.console.places import ALL, NOUNS


def _desks(stage: Stage) -> dict[str, Desk]:
    return {who: Desk(getattr(stage, who)) for who in sorted(ALL)}


def test_the_sidebar_lists_what_the_role_opens(acme: Stage) -> None:
    for who, desk in _desks(acme).items():
        html = desk.get("/admin/").ok().html
        for noun in NOUNS.values():
            assert (f'href="{noun.list}"' in html) == (who in noun.seen_by), (who, noun.path)
        assert "/admin/auth/user/" not in html


def test_accounts_are_for_superusers_alone_and_nobody_is_deleted(acme: Stage) -> None:
    boss = Desk(acme.boss)
    assert boss.get("/admin/auth/user/").status == 403
    account = get_user_model().objects.get(pk=acme.boss.id)
    account.is_superuser = True
    account.save()
    assert "rita@acme" in boss.get("/admin/auth/user/").ok().text
    assert boss.get("/admin/auth/user/add/").ok()
    assert boss.get(f"/admin/auth/user/{acme.rita.id}/change/").ok()
    assert boss.post(f"/admin/auth/user/{acme.rita.id}/delete/", post="yes").status == 403
    boss.post(
        "/admin/auth/user/add/",
        username="nina",
        usable_password="true",
        password1="tide-gate-1911",
        password2="tide-gate-1911",
    ).ok()
    assert get_user_model().objects.filter(username="nina", is_superuser=False).exists()


def test_a_switched_off_account_sees_nothing(acme: Stage) -> None:
    desk = Desk(acme.boss)
    get_user_model().objects.filter(pk=acme.boss.id).update(is_active=False)
    assert desk.get("/admin/").status == 302


def test_a_role_that_was_taken_away_is_gone_with_the_next_click(acme: Stage, waiting: str) -> None:
    from swarm.models import Membership

    rita = Desk(acme.rita)
    card = NOUNS["card"].one(waiting)
    assert rita.get(card).ok()
    with acme.bound():
        Membership.objects.filter(user_id=acme.rita.id).update(roles=[])
    assert rita.get(card).status == 403
    assert rita.post(NOUNS["card"].one(waiting, "approve")).status == 403
