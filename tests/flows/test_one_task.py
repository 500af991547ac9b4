"""The whole way of one task, from creation to its end."""

from collections.abc import Callable

from tests.cast import Stage


def test_a_task_goes_from_creation_to_completion(acme: Stage, settle: Callable[[], None]) -> None:
    session = acme.session()
    assert session["status"] == "created"
    task = acme.task(session)
    assert task["status"] == "pending"
    settle()
    assert acme.pia.get(f"tasks/{task['id']}").ok()["status"] == "queued"
    (claim,) = acme.ada.claim()
    assert claim["task"]["id"] == task["id"]
    assert claim["attempt"] == 1
    finished = acme.ada.finish(claim).ok()
    assert finished["outcome"] == "completed"
    assert finished["task"]["status"] == "completed"
    assert acme.pia.get(f"sessions/{session['id']}").ok()["status"] == "running"
