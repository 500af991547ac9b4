"""At the door: attempts are counted, second factors asked for, sessions end; all of it is told in each of the person's tenants."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import Client

from chimera.kernel import clock
from chimera.kernel.entrance import attempts, second_factor
from chimera.kernel.entrance.attempts import LoginAttempt, TooMany, What
from chimera.kernel.eventlog import Event
from tests.cast import Caller, Stage
from tests.console.desk import Desk

PASSWORD = "harbour-baths-1911"
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(
    days=1
)  # Django's sessions go by the real clock


@pytest.fixture
def rita(acme: Stage) -> Any:
    """Rita, with a password."""
    user = get_user_model().objects.get(pk=acme.rita.id)
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def noon() -> Iterator[SimpleNamespace]:
    """A clock that the test moves."""
    with clock.held(NOON):
        yield SimpleNamespace(pass_=lambda by: setattr(clock, "_held", clock.now() + by))


def log_in(client: Client, password: str = PASSWORD, name: str = "rita@acme", address: str = "192.0.2.7") -> Any:
    said = {"username": name, "password": password}
    return client.post("/admin/login/?next=/admin/swarm/task/", said, REMOTE_ADDR=address)


def give_factor(user: Any) -> tuple[str, list[str]]:
    """A second factor that was set up a minute ago; its secret and recovery codes."""
    secret = second_factor.new_secret()
    with clock.held(clock.now() - timedelta(minutes=1)):
        codes = second_factor.set_up(user, secret, second_factor.code_at(secret, second_factor.step_now()))
    assert codes is not None
    return secret, codes


def code_now(secret: str, steps: int = 0) -> str:
    return second_factor.code_at(secret, second_factor.step_now() + steps)


def told(stage: Stage) -> list[tuple[str, dict[str, Any]]]:
    with stage.bound():
        found = Event.objects.filter(type__startswith="kernel.person.").order_by("seq").values_list("type", "payload")
        return [(kind.split(".")[2], payload) for kind, payload in found]


# ---------------------------------------------------------------------- attempts


def test_wrong_passwords_are_counted_and_then_not_even_looked_at(rita: Any, acme: Stage) -> None:
    client = Client()
    for _ in range(attempts.PASSWORDS_OF_PAIR_MAX - 2):  # hashing a password takes its time
        attempts.begin(name="rita@acme", address="192.0.2.7", what=What.PASSWORD, user_id=rita.pk)
    assert log_in(client, "wrong").status_code == 200
    assert log_in(client, "wrong").status_code == 200
    held = log_in(client)
    assert held.status_code == 429
    assert int(held["Retry-After"]) <= attempts.WINDOW.total_seconds() + 1
    assert "Too many attempts. Try again in 15 minutes." in held.content.decode()
    assert log_in(client, address="192.0.2.8").status_code == 302  # somebody else's guesses do not lock the person out
    assert [(kind, p.get("attempts_left")) for kind, p in told(acme)] == [
        ("login_refused", 1),
        ("login_refused", 0),
        ("logged_in", None),
    ]
    assert told(acme)[0][1]["address"] == "192.0.2.7"


def test_the_limit_passes_with_its_window(db: None, noon: SimpleNamespace) -> None:
    for _ in range(attempts.CODES_OF_NAME_MAX):
        attempts.begin(name="rita", address="", what=What.CODE, user_id=None)
    with pytest.raises(TooMany):
        attempts.begin(name="Rita ", address="192.0.2.1", what=What.CODE, user_id=None)
    noon.pass_(attempts.WINDOW)
    attempts.begin(name="rita", address="", what=What.CODE, user_id=None)
    noon.pass_(attempts.KEPT + timedelta(days=1))
    assert attempts.sweep() == attempts.CODES_OF_NAME_MAX + 1


def test_a_name_from_everywhere_and_an_address_with_every_name_are_limited(db: None) -> None:
    for number in range(attempts.PASSWORDS_OF_NAME_MAX):
        attempts.begin(name="rita", address=f"192.0.2.{number}", what=What.PASSWORD, user_id=None)
    with pytest.raises(TooMany):
        attempts.begin(name="rita", address="198.51.100.1", what=What.PASSWORD, user_id=None)
    LoginAttempt.objects.update(address="192.0.2.1")
    for number in range(attempts.OF_ADDRESS_MAX - attempts.PASSWORDS_OF_NAME_MAX):
        attempts.begin(name=f"n{number}", address="192.0.2.1", what=What.PASSWORD, user_id=None)
    with pytest.raises(TooMany):
        attempts.begin(name="otto", address="192.0.2.1", what=What.PASSWORD, user_id=None)


def test_of_ipv6_a_whole_network_is_one_address(db: None) -> None:
    """Whoever has one address of a /64 has as many as they like."""
    for number in range(attempts.PASSWORDS_OF_PAIR_MAX):
        attempts.begin(name="rita", address=f"2001:db8:0:7::{number:x}", what=What.PASSWORD, user_id=None)
    with pytest.raises(TooMany):
        attempts.begin(name="rita", address="2001:db8:0:7:ffff::1", what=What.PASSWORD, user_id=None)
    for other in ("2001:db8:0:8::1", "::ffff:192.0.2.1", "::ffff:192.0.2.2", ""):
        attempts.begin(name="rita", address=other, what=What.PASSWORD, user_id=None)
    kept = set(LoginAttempt.objects.values_list("address", flat=True))
    assert kept == {"2001:db8:0:7::", "2001:db8:0:8::", "192.0.2.1", "192.0.2.2", None}


def test_what_passed_counts_for_nothing_and_what_was_typed_is_not_kept(rita: Any, acme: Stage) -> None:
    for _ in range(attempts.PASSWORDS_OF_PAIR_MAX):
        begun, _ = attempts.begin(name="rita@acme", address="192.0.2.7", what=What.PASSWORD, user_id=rita.pk)
        attempts.passed(begun)
    assert log_in(Client()).status_code == 302
    assert log_in(Client(), name="my-secret-password").status_code == 200
    stranger = LoginAttempt.objects.get(passed=False)
    assert (len(stranger.who), stranger.user_id, stranger.what) == (32, None, "password")
    assert {kind for kind, _ in told(acme)} == {"logged_in"}


def test_a_login_leads_nowhere_else(rita: Any) -> None:
    for asked in ("//evil.example/", ""):
        answer = Client().post(f"/admin/login/?next={asked}", {"username": "rita@acme", "password": PASSWORD})
        assert answer["Location"] == "/admin/"


# ---------------------------------------------------------------------- the second factor


def test_a_password_alone_lets_nobody_in_who_has_a_second_factor(rita: Any, acme: Stage) -> None:
    secret, _ = give_factor(rita)
    client = Client()
    assert log_in(client)["Location"] == "/admin/login/code/"
    assert client.get("/admin/")["Location"] == "/admin/login/?next=/admin/"
    wrong = client.post("/admin/login/code/", {"code": "000000"})
    assert "This code is not right" in wrong.content.decode()
    answer = client.post("/admin/login/code/", {"code": code_now(secret)})
    assert answer["Location"] == "/admin/swarm/task/"
    assert client.get("/admin/").status_code == 200
    assert [(kind, p.get("second_factor")) for kind, p in told(acme)] == [
        ("login_refused", None),
        ("logged_in", "totp"),
    ]


def test_a_code_works_once_and_about_its_time(rita: Any, noon: SimpleNamespace) -> None:
    secret, _ = give_factor(rita)
    assert second_factor.check(rita, code_now(secret, 2)) is None
    assert second_factor.check(rita, code_now(secret, 1)) == "totp"
    assert second_factor.check(rita, code_now(secret, 1)) is None
    assert second_factor.check(rita, code_now(secret)) is None  # an older one than the last that was used
    noon.pass_(timedelta(seconds=60))
    assert second_factor.check(rita, f" {code_now(secret)[:3]} {code_now(secret)[3:]} ") == "totp"


def test_codes_are_guessed_five_times_and_then_not_looked_at(rita: Any) -> None:
    secret, _ = give_factor(rita)
    client = Client()
    log_in(client)
    for _ in range(attempts.CODES_OF_NAME_MAX):
        assert client.post("/admin/login/code/", {"code": "000000"}).status_code == 200
    assert client.post("/admin/login/code/", {"code": code_now(secret)}).status_code == 429


def test_a_recovery_code_lets_in_once_and_new_ones_replace_them(rita: Any, acme: Stage) -> None:
    secret, codes = give_factor(rita)
    assert len(set(codes)) == 10
    client = Client()
    log_in(client)
    said = client.post("/admin/login/code/", {"code": codes[3]}, follow=True)
    assert "9 are left" in said.content.decode()
    assert second_factor.check(rita, codes[3]) is None
    assert "9 recovery codes left" in client.get("/admin/second-factor/").content.decode()
    page = client.post("/admin/second-factor/codes/", {"code": code_now(secret)}).content.decode()
    assert page.count("<li><code>") == 10
    assert codes[5] not in page
    assert second_factor.check(rita, codes[5]) is None
    assert told(acme)[-1][0] == "recovery_codes_renewed"
    for path in ("/admin/second-factor/", "/admin/second-factor/codes/", "/admin/"):
        assert "<li><code>" not in client.get(path).content.decode()  # shown once


def test_the_first_half_of_a_login_ends_with_its_time_and_with_the_password(rita: Any, noon: SimpleNamespace) -> None:
    secret, _ = give_factor(rita)
    client = Client()
    log_in(client)
    noon.pass_(timedelta(minutes=6))
    assert client.post("/admin/login/code/", {"code": code_now(secret)})["Location"] == "/admin/login/"
    log_in(client)
    rita.set_password("another-tide-1912")
    rita.save()
    assert client.post("/admin/login/code/", {"code": code_now(secret)})["Location"] == "/admin/login/"


def test_it_is_set_up_with_the_password_and_the_first_code(rita: Any, acme: Stage) -> None:
    client = Client()
    log_in(client)
    page = client.get("/admin/second-factor/").content.decode()
    secret = client.session["chimera_second_factor_secret"]
    assert secret in page
    assert "<svg" in page
    for password, code in (("wrong", code_now(secret)), (PASSWORD, "000000")):
        client.post("/admin/second-factor/", {"password": password, "code": code})
        assert not second_factor.is_set_up(rita)
    page = client.post("/admin/second-factor/", {"password": PASSWORD, "code": code_now(secret)}).content.decode()
    assert page.count("<li><code>") == 10
    assert secret not in str(list(second_factor.Authenticator.objects.values_list("data", flat=True)))
    assert [kind for kind, _ in told(acme)] == ["logged_in", "second_factor_set_up"]
    client.post("/admin/second-factor/remove/", {"code": code_now(secret, 1)})
    assert not second_factor.is_set_up(rita)


def test_a_new_password_is_told_and_the_old_one_is_not_for_guessing(rita: Any, acme: Stage) -> None:
    """By whoever finds a session open: the limit is that of logging in."""
    client, other = Client(), Client()
    log_in(client)
    log_in(other)
    fresh = {"new_password1": "another-tide-1912", "new_password2": "another-tide-1912"}
    for _ in range(attempts.PASSWORDS_OF_PAIR_MAX - 1):
        attempts.begin(name="rita@acme", address="192.0.2.7", what=What.PASSWORD, user_id=rita.pk)
    change = partial(client.post, "/admin/password_change/", REMOTE_ADDR="192.0.2.7")
    assert change({"old_password": "wrong", **fresh}).status_code == 200
    assert change({"old_password": PASSWORD, **fresh}).status_code == 429
    LoginAttempt.objects.all().delete()
    assert change({"old_password": PASSWORD, **fresh}).status_code == 302
    assert client.get("/admin/").status_code == 200
    assert other.get("/admin/").status_code == 302
    assert told(acme)[-1] == ("password_changed", told(acme)[-1][1] | {"address": "192.0.2.7"})


# ---------------------------------------------------------------------- where a tenant asks for one


def require(stage: Stage, caller: Caller) -> None:
    from swarm.actions import people

    give_factor(get_user_model().objects.get(pk=caller.id))
    with stage.bound():
        people.require_second_factor(required=True, reason="auditors ask for it", by=caller.actor)


def test_who_has_none_is_led_to_set_it_up_before_anything_else(rita: Any, acme: Stage) -> None:
    require(acme, acme.boss)
    client = Client()
    log_in(client)
    for path in ("/admin/", "/admin/safety/reviewcard/", "/admin/swarm/membership/"):
        assert client.get(path)["Location"] == "/admin/second-factor/"
    assert client.get("/api/v1/tasks").json()["code"] == "second_factor"
    acme.rita.get("tasks").refused(401, "unauthenticated")
    acme.ada.get("tasks").ok()  # agents have keys, and no phones
    secret = client.get("/admin/second-factor/") and client.session["chimera_second_factor_secret"]
    client.post("/admin/second-factor/", {"password": PASSWORD, "code": code_now(secret)})
    assert client.get("/admin/safety/reviewcard/").status_code == 200
    assert client.get("/api/v1/tasks").status_code == 200
    acme.rita.get("tasks").ok()


def test_a_session_from_before_the_second_factor_is_not_enough(rita: Any, acme: Stage) -> None:
    early = Client()
    log_in(early)
    give_factor(rita)
    require(acme, acme.boss)
    assert early.get("/admin/safety/reviewcard/")["Location"] == "/admin/second-factor/"


def test_only_an_admin_who_has_one_asks_for_it(acme: Stage) -> None:
    boss = Desk(acme.boss)
    house = f"/admin/swarm/tenant/{acme.tenant_id}/"
    page = boss.post(f"{house}require_second_factor/", reason="auditors ask for it")
    assert "Set up your own second factor first" in page.text
    assert Desk(acme.otto).post(f"{house}require_second_factor/", reason="x").status == 403


def test_an_admin_resets_what_was_lost(rita: Any, acme: Stage) -> None:
    from swarm.models import Membership

    give_factor(rita)
    with acme.bound():
        row = Membership.objects.get(user=rita)
    page = Desk(acme.boss).post(f"/admin/swarm/membership/{row.pk}/reset_second_factor/", reason="lost the phone")
    assert "boss@acme reset the second factor of rita@acme" in page.text
    assert not second_factor.is_set_up(rita)
    assert log_in(Client())["Location"] == "/admin/swarm/task/"


def test_whoever_runs_the_installation_helps_those_who_cannot_get_in(rita: Any, acme: Stage) -> None:
    give_factor(rita)
    out = StringIO()
    call_command("person", "link", "rita@acme", stdout=out)
    assert "/admin/welcome/" in out.getvalue()
    call_command("person", "reset-second-factor", "rita@acme", stdout=out)
    assert not second_factor.is_set_up(rita)
    assert [kind for kind, _ in told(acme)] == ["password_link_issued", "second_factor_removed"]
    for verb, name in (("link", "nobody"), ("reset-second-factor", "rita@acme")):
        with pytest.raises(CommandError):
            call_command("person", verb, name)


# ---------------------------------------------------------------------- sessions


def test_a_session_ends_when_nothing_is_asked_for_an_hour(rita: Any, noon: SimpleNamespace) -> None:
    client = Client()
    log_in(client)
    noon.pass_(timedelta(minutes=40))
    assert client.get("/admin/").status_code == 200
    noon.pass_(timedelta(minutes=40))
    assert client.get("/admin/").status_code == 200
    noon.pass_(timedelta(minutes=61))
    assert client.get("/admin/")["Location"] == "/admin/login/?next=/admin/"


def test_a_session_ends_twelve_hours_after_the_login_however_busy(rita: Any, noon: SimpleNamespace) -> None:
    client = Client()
    log_in(client)
    for _ in range(15):
        noon.pass_(timedelta(minutes=45))
        assert client.get("/admin/").status_code == 200
    noon.pass_(timedelta(minutes=50))
    assert client.get("/admin/").status_code == 302
