"""A reviewer's day on the real web process, through the API alone: every decision, its money, and what the agents make of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cast import Caller, Stage
from tests.processes import harness
from tests.processes.harness import House, until

pytestmark = pytest.mark.slow
SECONDS = 20
Json = dict[str, Any]


class Line:
    """Somebody's calls over a real connection."""

    def __init__(self, house: House, who: Caller) -> None:
        headers = {"Authorization": f"Bearer {who.secret}"}
        self.http = httpx.Client(base_url=f"{house.url}/api/v1/", headers=headers, timeout=SECONDS)

    def get(self, path: str, **asked: Any) -> Any:
        return self._said(self.http.get(path, params=asked))

    def post(self, path: str, **said: Any) -> Any:
        return self._said(self.http.post(path, json=said))

    def refused(self, path: str, **said: Any) -> tuple[int, str]:
        answer = self.http.post(path, json=said)
        return answer.status_code, answer.json()["code"]

    def _said(self, answer: httpx.Response) -> Any:
        assert answer.is_success, f"{answer.request.url}: {answer.text}"
        return answer.json() if answer.content else None

    # --- an agent's

    def claimed(self, task: str) -> Json:
        (claim,) = self.post("claims", max=1, wait_seconds=SECONDS)["claims"]
        assert claim["task"]["id"] == task
        return dict(claim)

    def hand_in(self, claim: Json, text: str) -> str:
        said = {"lease_token": claim["lease_token"], "status": "succeeded", "confidence_score": 0.8}
        answer = self.post(f"tasks/{claim['task']['id']}/result", output_payload={"text": text}, **said)
        return str(answer["review"])

    def propose(self, claim: Json, text: str, **more: Any) -> Json:
        said = {
            "lease_token": claim["lease_token"],
            "tool": "publish",
            "arguments": {"text": text},
            "payee": "press.example",
        }
        return dict(self.post(f"tasks/{claim['task']['id']}/actions", **said, **more))


@pytest.fixture
def lines(acme: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Line]]:
    monkeypatch.setattr(harness, "LEASE_SECONDS", 60)  # nobody dies here, and the first words take a process seconds
    house = House(tmp_path, [])
    house.start("web", "relay")
    try:
        yield {name: Line(house, getattr(acme, name)) for name in ("rita", "fay", "ada", "pia", "anna")}
    finally:
        house.stop()


def test_a_day_of_decisions_through_the_api_alone(acme: Stage, lines: dict[str, Line]) -> None:
    rita, ada, pia, anna = (lines[name] for name in ("rita", "ada", "pia", "anna"))
    budget = lines["fay"].post("budgets", scope="tenant", day_usd="10", approval_threshold_usd="2")
    session = pia.post("sessions", name="harbour")["id"]

    def task(words: str, **more: Any) -> str:
        made = pia.post("tasks", session=session, type="write", input_payload={}, description=words, **more)
        return str(made["id"])

    def status(task_id: str) -> str:
        return str(anna.get(f"tasks/{task_id}")["status"])

    def today() -> tuple[str, str, str]:
        windows = anna.get(f"budgets/{budget['id']}/usage")["windows"]
        day = next(window for window in windows if window["window"] == "day")
        return day["held_usd"], day["captured_usd"], day["remaining_usd"]

    # An action for three dollars: the first card of the day. It asks for changes, and the agent hears them.
    notice = task("Publish the notice")
    first = ada.propose(ada.claimed(notice), "The baths open.", amount_usd="3")
    assert rita.get("reviews/counts") == {"waiting": 1, "mine": 0, "due_soon": 0, "unseen": 1}
    taken = rita.post("reviews/next")["review"]
    assert (taken["id"], taken["claimed_by"]) == (first["review"], acme.rita.name)
    assert [row["id"] for row in rita.get("reviews", queue="mine", brief="true")["results"]] == [taken["id"]]
    assert rita.refused(f"reviews/{taken['id']}/decision", decision="request_changes") == (422, "note_required")
    rita.post(f"reviews/{taken['id']}/decision", decision="request_changes", note="Name the hour.")
    assert today() == ("0.00", "0.00", "10.00")

    # It comes back dearer. The card says what is different, and what the day has left; edited, it is done as edited, once.
    claim = ada.claimed(notice)
    assert "Name the hour." in json.dumps(claim)
    again = ada.propose(claim, "The baths open at five.", amount_usd="4")
    card = rita.get(f"reviews/{rita.post('reviews/next')['review']['id']}/card")
    assert card["words"]["asked"].startswith("ada wants to run “publish” for $4.00, paid to press.example.")
    assert {each["path"] for each in card["earlier"]["changes"]} == {"/text", "/(amount_usd)"}
    day = next(window for window in card["money"]["budgets"][0]["windows"] if window["window"] == "day")
    assert (day["limit_usd"], day["remaining_usd"]) == ("10.00", "6.00")
    assert day["this"] == {"held_usd": "4.00", "left_if_approved_usd": "6.00", "left_if_rejected_usd": "10.00"}
    assert card["alike"]["became"] == [{"became": "changes requested", "number": 1}]
    assert card["you"] == {"decisions": ["approve", "reject", "request_changes"], "edits": True, "barred": None}
    edited = {"text": "The baths open at six."}
    seen = {"version": card["review"]["version"], "edited_payload": edited}
    decision = f"reviews/{again['review']}/decision"
    assert rita.refused(decision, decision="approve", **seen | {"version": 2}) == (409, "stale")
    assert rita.post(decision, decision="approve", note="The hour.", **seen)["status"] == "approved"
    assert rita.refused(decision, decision="reject", note="no") == (409, "already_decided")
    claim = ada.claimed(notice)
    token = {"lease_token": claim["lease_token"]}
    execution = ada.post(f"actions/{again['id']}/execution", arguments=edited, **token)
    assert execution["arguments"] == edited
    ada.post(f"actions/{again['id']}/outcome", execution_token=execution["execution_token"], status="succeeded")
    assert today() == ("0.00", "4.00", "6.00")
    assert [row["id"] for row in rita.get("actions", search="pub", status="succeeded")["results"]] == [again["id"]]

    # Its result is rejected: the task has failed, and the feed that the card pointed to has told it.
    review = ada.hand_in(claim, "It is published.")
    tail = rita.get(f"reviews/{review}/card")["tail"]
    rita.post(f"reviews/{review}/decision", decision="reject", note="It is not there.")
    assert status(notice) == "failed"
    told = rita.get(f"sessions/{session}/events", after=tail["after"])["results"]
    shown = {event["position"] for event in tail["events"]}
    new = {event["type"] for event in told if event["position"] not in shown}
    assert {"safety.review.decided.v1", "swarm.task.failed.v1"} <= new

    # What is left is one pile: three that nobody started, put back, and answered with one reason.
    pile = [task(f"Paint hut {number}", execution_mode="manual") for number in range(3)]
    until(lambda: rita.get("reviews/counts")["waiting"] == 3, SECONDS)
    held = rita.post("reviews/next", kind="manual")["review"]["id"]
    rita.post(f"reviews/{held}/release")
    rows = rita.get("reviews", queue="waiting", search="paint", brief="true")["results"]
    chosen = [{"id": row["id"], "version": row["version"]} for row in rows]
    outcomes = rita.post("reviews/batch", decision="reject", note="No paint.", reviews=chosen)["outcomes"]
    assert [outcome["status"] for outcome in outcomes] == ["rejected"] * 3
    assert {status(task_id) for task_id in pile} == {"failed"}
    assert rita.post("reviews/next") == {"review": None}
    assert len(rita.get("reviews", queue="decided")["results"]) == 6
