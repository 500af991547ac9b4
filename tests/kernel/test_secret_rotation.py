"""SECRET_KEY changes while answers to keyed calls are kept."""

from typing import Any

from tests.cast import Stage

CALL: dict[str, Any] = {"name": "Harbour", "goal": "Fill the baths"}


def test_an_answer_under_an_older_secret_is_refused_and_nothing_is_done_twice(acme: Stage, settings: Any) -> None:
    first = acme.otto.post("campaigns", CALL, Idempotency_Key="k").ok(201)
    usual, settings.SECRET_KEY = settings.SECRET_KEY, "another secret, as long as a secret has to be nowadays"
    said = acme.otto.post("campaigns", CALL, Idempotency_Key="k").refused(409, "answer_unreadable")
    assert "use a new key" in said["detail"]
    acme.otto.post("campaigns", CALL, Idempotency_Key="new").ok(201)
    settings.SECRET_KEY = usual
    assert acme.otto.post("campaigns", CALL, Idempotency_Key="k").ok(201).body == first.body
    assert len(acme.otto.get("campaigns").ok()["results"]) == 2


def test_another_call_under_the_same_key_is_told_so_after_the_change_too(acme: Stage, settings: Any) -> None:
    acme.otto.post("campaigns", CALL, Idempotency_Key="k").ok(201)
    settings.SECRET_KEY = "another secret, as long as a secret has to be nowadays"
    acme.otto.post("campaigns", CALL | {"goal": "other"}, Idempotency_Key="k").refused(422, "idempotency_key_reused")
