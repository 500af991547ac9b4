"""Writing and judging with a chat endpoint: a real HTTP server that answers like one."""

import json
from typing import Any

import pytest

from examples.agents import writing
from examples.agents.drafting import Order
from examples.agents.finding import Finding
from examples.agents.judge import judge
from examples.agents.model import Model, ModelFailed, json_object
from tests.examples.server import Answer, answering
from tests.examples.working import in_hand

FERRY = Finding("The electric ferry Kittiwake crosses the harbour in nine minutes.", "ferry.md", 3)
ORDER = Order("the electric ferry", 60, avoid=("iconic",))


def said(content: Any) -> Answer:
    text = content if isinstance(content, str) else json.dumps(content)
    return 200, {"choices": [{"message": {"content": text}}]}


def test_a_post_of_a_model_names_its_sources():
    with answering(said({"text": "Nine minutes by ferry.", "sources": [1]})) as server:
        post = writing.write(Model(server.url, "m"), ORDER, {}, [FERRY])
    assert post is not None
    assert (post.text, post.used) == ("Nine minutes by ferry.", [FERRY])
    assert server.seen[0][0] == "/chat/completions"


def test_a_model_is_told_what_was_wrong_and_tries_again():
    long, loud, loose = (
        {"text": "x" * 61, "sources": [1]},
        {"text": "Iconic!", "sources": [1]},
        {"text": "A ferry.", "sources": [9]},
    )
    with answering(said(long), said(loud), said(loose)) as server:
        with pytest.raises(ModelFailed, match="names no findings"):
            writing.write(Model(server.url, "m"), ORDER, {}, [FERRY])
    second = json.loads(server.seen[1][2]["messages"][1]["content"])
    assert "61 characters; at most 60" in second["your_last_try_was_refused"]


def test_without_findings_no_model_is_asked():
    assert writing.write(Model("http://127.0.0.1:9", "m"), ORDER, {}, []) is None


@pytest.mark.parametrize("answer", [(500, {}), (200, {}), said("I would rather not."), said("[1]")])
def test_an_answer_that_is_none_is_a_failure(answer):
    with answering(answer) as server:
        with pytest.raises(ModelFailed):
            Model(server.url, "m").ask(system="s", user="u")


def test_a_fence_around_the_answer_is_taken_off():
    assert json_object('```json\n{"score": 1}\n```') == {"score": 1}


QUOTE = "The electric ferry Kittiwake crosses the harbour in nine minutes and carries 96 passengers."


def judged() -> dict[str, Any]:
    post = {"text": QUOTE, "sources": [{"file": "ferry.md", "sentence": 3, "quote": QUOTE}]}
    order = {"topic": "the electric ferry across the harbour", "length": 160, "persona": {}}
    subject = {"task": "t0", "type": "draft", "input_payload": order, "output_payload": post, "confidence_score": None}
    with in_hand(type="judge", input_payload={"subject": subject, "goal": "Bring people to the harbour."}) as asked:
        return judge(*asked).fields


def test_offline_the_judge_scores_by_itself(monkeypatch):
    monkeypatch.delenv("CHIMERA_MODEL_URL", raising=False)
    found = judged()
    assert found["status"] == "succeeded"
    assert found["output_payload"]["verdict"] == "pass"
    assert found["confidence_score"] == found["output_payload"]["score"]


def test_a_model_can_lower_the_score_and_not_lift_it(monkeypatch):
    monkeypatch.delenv("CHIMERA_MODEL_URL", raising=False)
    alone = judged()
    with answering(said({"score": 0.75, "reasons": ["Dry."]}), said({"score": 1.0})) as server:
        monkeypatch.setenv("CHIMERA_MODEL_URL", server.url)
        low, high = judged(), judged()
    assert (low["confidence_score"], low["output_payload"]["verdict"]) == (0.75, "uncertain")
    assert low["output_payload"]["reasons"][0] == "Dry."
    assert high["confidence_score"] == alone["confidence_score"]


def test_a_model_without_a_score_is_a_failure_that_may_be_retried(monkeypatch):
    with answering(said({"score": "high"})) as server:
        monkeypatch.setenv("CHIMERA_MODEL_URL", server.url)
        error = judged()["error"]
    assert (error["code"], error["retryable"]) == ("model_failed", True)
