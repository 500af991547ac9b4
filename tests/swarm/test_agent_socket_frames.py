"""What cannot be read: each item is answered an error of its own, the others go on, and both doors say the same of it."""

import json
from typing import Any

import pytest

from chimera.kernel.bridge import in_thread
from tests.cast import Stage
from tests.live.watching import run
from tests.processes import proc
from tests.swarm.at_socket import AtSocket

pytestmark = pytest.mark.usefixtures("relay")

GOOD: dict[str, Any] = {"status": "succeeded", "output_payload": {"answer": "42"}, "confidence_score": 0.95}
FAILED: dict[str, Any] = {"status": "failed", "output_payload": None, "error": {"code": "x", "message": "y"}}
GONE = object()


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


# What a result says instead → the code of the refusal, and those of its fields.
RESULTS: dict[str, tuple[dict[str, Any], str, set[tuple[str, str]]]] = {
    "an unknown field": ({"colour": "red"}, "unknown_field", {("colour", "unknown_field")}),
    "two unknown fields": ({"colour": 1, "size": 2}, "invalid", {("colour", "unknown_field"), ("size", "unknown_field")}),
    "a long unknown field": ({"c" * 5000: 1}, "unknown_field", {("c" * 60, "unknown_field")}),
    "no lease": ({"lease_token": GONE}, "invalid", {("lease_token", "required")}),
    "a lease that is no UUID": ({"lease_token": "mine"}, "invalid", {("lease_token", "invalid")}),
    "a lease that is a number": ({"lease_token": 7}, "invalid", {("lease_token", "invalid")}),
    "no status": ({"status": GONE}, "invalid", {("status", "required")}),
    "a status nobody knows": ({"status": "done"}, "invalid", {("status", "invalid_choice")}),
    "a status that is a list": ({"status": ["succeeded"]}, "invalid", {("status", "invalid_choice")}),
    "a status that is null": ({"status": None}, "invalid", {("status", "null")}),
    "a payload that is a list": ({"output_payload": [1]}, "not_an_object", {("output_payload", "not_an_object")}),
    "a payload that is text": ({"output_payload": "42"}, "not_an_object", {("output_payload", "not_an_object")}),
    "a payload too deep": ({"output_payload": {"a": nested(40)}}, "too_large", {("output_payload", "too_large")}),
    "a payload with NUL": ({"output_payload": {"a": "b\x00c"}}, "nul_character", {("output_payload", "nul_character")}),
    "a name with NUL": ({"output_payload": {"b\x00c": 1}}, "nul_character", {("output_payload", "nul_character")}),
    "half a surrogate": ({"output_payload": {"a": "\ud800"}}, "invalid", {("output_payload", "invalid")}),
    "a score above one": ({"confidence_score": 1.5}, "invalid", {("confidence_score", "max_value")}),
    "a score below zero": ({"confidence_score": -0.1}, "invalid", {("confidence_score", "min_value")}),
    "a score in words": ({"confidence_score": "0.9"}, "invalid", {("confidence_score", "invalid")}),
    "a score that is true": ({"confidence_score": True}, "invalid", {("confidence_score", "invalid")}),
    "a score no float can hold": ({"confidence_score": 10**400}, "invalid", {("confidence_score", "invalid")}),
    "reasoning that is null": ({"reasoning": None}, "invalid", {("reasoning", "null")}),
    "reasoning that is a number": ({"reasoning": 7}, "invalid", {("reasoning", "invalid")}),
    "reasoning without end": ({"reasoning": "a" * 20_001}, "invalid", {("reasoning", "max_length")}),
    "reasoning with NUL": ({"reasoning": "a\x00b"}, "invalid", {("reasoning", "null_characters_not_allowed")}),
    "reasoning with half a surrogate": ({"reasoning": "\udfff"}, "invalid", {("reasoning", "invalid")}),
    "evidence that is an object": ({"evidence": {}}, "invalid", {("evidence", "not_a_list")}),
    "evidence of 201": ({"evidence": [1] * 201}, "invalid", {("evidence", "max_length")}),
    "metrics that are a list": ({"metrics": []}, "not_an_object", {("metrics", "not_an_object")}),
    "metrics too large": ({"metrics": {"a": "b" * 17_000}}, "too_large", {("metrics", "too_large")}),
    "an artifact that is text": ({"artifacts": ["report"]}, "invalid", {("artifacts.0", "invalid")}),
    "an artifact of nothing": ({"artifacts": [{"type": "text"}]}, "invalid", {("artifacts.0", "invalid")}),
    "an artifact of both": (
        {"artifacts": [{"type": "text", "content": 1, "uri": "s3://a"}]},
        "invalid",
        {("artifacts.0", "invalid")},
    ),
    "an artifact without a type": ({"artifacts": [{"content": 1}]}, "invalid", {("artifacts.0.type", "required")}),
    "an artifact's type is blank": (
        {"artifacts": [{"type": " ", "content": 1}]},
        "invalid",
        {("artifacts.0.type", "blank")},
    ),
    "an artifact's address is null": (
        {"artifacts": [{"type": "text", "content": 1, "uri": None}]},
        "invalid",
        {("artifacts.0.uri", "null")},
    ),
    "a second artifact is wrong": (
        {"artifacts": [{"type": "text", "content": 1}, {"type": "text", "content": 1, "size": 1}]},
        "unknown_field",
        {("artifacts.1.size", "unknown_field")},
    ),
    "an error without a failure": ({"error": {"code": "x", "message": "y"}}, "invalid", {("error", "invalid")}),
    "a failure without an error": (FAILED | {"error": None}, "invalid", {("error", "invalid")}),
    "a failure with an output": (FAILED | {"output_payload": {}}, "invalid", {("output_payload", "invalid")}),
    "an error without words": (FAILED | {"error": {"code": "x"}}, "invalid", {("error.message", "required")}),
    "an error's code is blank": (FAILED | {"error": {"code": "", "message": ""}}, "invalid", {("error.code", "blank")}),
    "retryable in words": (
        FAILED | {"error": {"code": "x", "message": "", "retryable": "yes"}},
        "invalid",
        {("error.retryable", "invalid")},
    ),
    "a wait that is a fraction": (
        FAILED | {"error": {"code": "x", "message": "", "retry_after_seconds": 1.5}},
        "invalid",
        {("error.retry_after_seconds", "invalid")},
    ),
    "an error with more": (
        FAILED | {"error": {"code": "x", "message": "y", "stack": "z"}},
        "unknown_field",
        {("error.stack", "unknown_field")},
    ),
}  # fmt: skip

# What stands in the place of a whole result → the code of both doors.
TEXTS = {
    "no JSON": ("{", "malformed_json"),
    "NaN": ('{"a": NaN}', "malformed_json"),
    "an infinity": ('{"a": -Infinity}', "malformed_json"),
    "a float that is an infinity": ('{"a": 1e999}', "malformed_json"),
    "a name twice": ('{"status": "failed", "status": "succeeded"}', "malformed_json"),
    "a name twice inside": ('{"output_payload": {"a": 1, "a": 2}}', "malformed_json"),
    "nested without end": ("[" * 60_000, "malformed_json"),
    "a number without end": ('{"a": ' + "9" * 5000 + "}", "malformed_json"),
    "a number": ("7", "not_an_object"),
    "text": ('"result"', "not_an_object"),
    "null": ("null", "not_an_object"),
}


@pytest.fixture
def claim(acme: Stage) -> dict[str, Any]:
    acme.task(acme.session())
    found: dict[str, Any] = proc.until(acme.ada.claim)[0]
    return found


def body(claim: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    said = GOOD | {"lease_token": claim["lease_token"]} | change
    return {name: value for name, value in said.items() if value is not GONE}


def faults(said: Any) -> set[tuple[str, str]]:
    return {(error["field"], error["code"]) for error in said.get("errors", ())}


def words(said: Any) -> dict[str, str]:
    """The sentences by field; of a field that is not known, what both doors say before they list theirs."""
    told = {error["field"]: error for error in said.get("errors", ())}
    return {
        field: error["message"].partition(":")[0] if error["code"] == "unknown_field" else error["message"]
        for field, error in told.items()
    }


def test_both_doors_refuse_a_result_alike(acme: Stage, claim: dict[str, Any]) -> None:
    path = f"tasks/{claim['task']['id']}/result"

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            for name, (change, code, fields) in RESULTS.items():
                told = body(claim, change)
                by_http = await in_thread(acme.ada.post, path, json.dumps(told).encode())
                assert (by_http.status, by_http["code"], faults(by_http.body)) == (422, code, fields), name
                by_socket = await ada.ask("result", task=claim["task"]["id"], **told)
                assert (by_socket["kind"], by_socket["code"], faults(by_socket)) == ("error", code, fields), name
                assert words(by_socket) == words(by_http.body), name
                assert by_socket["task"] == claim["task"]["id"]
                assert len(json.dumps(by_socket)) < 2000
            assert (await ada.finish(claim))["outcome"] == "completed"

    run(main)


@pytest.mark.parametrize("name", TEXTS)
def test_both_doors_refuse_what_is_no_object_alike(acme: Stage, claim: dict[str, Any], name: str) -> None:
    text, code = TEXTS[name]
    by_http = acme.ada.post(f"tasks/{claim['task']['id']}/result", text.encode())
    assert (by_http.status, by_http["code"]) == (400, code)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            ada.send(text)
            said = await ada.answer(None)
            assert (said["kind"], said["code"]) == ("error", code)
            assert (await ada.finish(claim))["outcome"] == "completed"

    run(main)


def test_both_doors_refuse_progress_alike(acme: Stage, claim: dict[str, Any]) -> None:
    cases: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
        "no phase": ({"percentage": 1}, ("phase", "required")),
        "a blank phase": ({"phase": "  "}, ("phase", "blank")),
        "a phase without end": ({"phase": "a" * 101}, ("phase", "max_length")),
        "more than all": ({"phase": "a", "percentage": 101}, ("percentage", "max_value")),
        "less than nothing": ({"phase": "a", "percentage": -1}, ("percentage", "min_value")),
        "a percentage in words": ({"phase": "a", "percentage": "40"}, ("percentage", "invalid")),
        "a percentage no float can hold": ({"phase": "a", "percentage": 10**400}, ("percentage", "invalid")),
        "metadata that is a list": ({"phase": "a", "metadata": []}, ("metadata", "not_an_object")),
        "an unknown field": ({"phase": "a", "eta": 1}, ("eta", "unknown_field")),
    }
    lease = {"lease_token": claim["lease_token"]}

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            for name, (told, (field, code)) in cases.items():
                path = f"tasks/{claim['task']['id']}/heartbeat"
                by_http = await in_thread(acme.ada.post, path, lease | {"progress": told})
                assert faults(by_http.body) == {(f"progress.{field}", code)}, name
                about = {"task": claim["task"]["id"]} | lease
                by_socket = await ada.ask("progress", **about, **told)
                assert faults(by_socket) == {(field, code)}, name
                assert words(by_socket)[field] == words(by_http.body)[f"progress.{field}"], name
                beaten = await ada.ask("heartbeat", leases=[about | {"progress": told}])
                assert faults(beaten) == {(f"leases.0.progress.{field}", code)}, name

    run(main)


def test_what_is_not_known_is_answered_with_what_is(acme: Stage, claim: dict[str, Any]) -> None:
    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            about = {"task": claim["task"]["id"], "lease_token": claim["lease_token"]}
            (error,) = (await ada.ask("ready", slots=1, colour="red"))["errors"]
            assert error["message"] == "There is no such field; the fields are: kind, ref, slots, types."
            told = {
                "task": claim["task"]["id"],
                "status": "succeeded",
                "artifacts": [{"type": "t", "uri": "u", "size": 1}],
            }
            said = await ada.ask("result", **(about | told))
            assert said["detail"] == "artifacts.0.size: There is no such field; the fields are: content, type, uri."
            leases = [about | {"progress": {"phase": "reading", "eta": 1}}]
            said = await ada.ask("heartbeat", leases=leases)
            assert said["detail"].endswith("the fields are: message, metadata, percentage, phase.")

    run(main)


def test_what_only_the_socket_asks_is_refused_in_the_same_words(acme: Stage, claim: dict[str, Any]) -> None:
    lease = {"task": claim["task"]["id"], "lease_token": claim["lease_token"]}
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("ready", {}, "slots: This field is required."),
        ("ready", {"slots": -1}, "slots: Ensure this value is greater than or equal to 0."),
        ("ready", {"slots": 1.0}, "slots: A valid integer is required."),
        ("ready", {"slots": None}, "slots: This field may not be null."),
        ("ready", {"slots": 1, "types": "research"}, 'types: Expected a list of items but got type "str".'),
        ("ready", {"slots": 1, "types": ["a"] * 51}, "types: Ensure this field has no more than 50 elements."),
        ("ready", {"slots": 1, "types": ["a" * 81]}, "types.0: Ensure this field has no more than 80 characters."),
        ("ready", {"slots": 1, "types": [7]}, "types.0: Not a valid string."),
        ("heartbeat", {"leases": [7]}, "leases.0: Invalid data. Expected a dictionary, but got int."),
        ("heartbeat", {"leases": [lease] * 65}, "leases: Ensure this field has no more than 64 elements."),
        ("spend", lease | {"amount_usd": "1"}, "asset_symbol: This field is required."),
        ("void", {"transaction": lease["task"], "lease_token": "x"}, "lease_token: Must be a valid UUID."),
    ]

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            for kind, told, detail in cases:
                assert (await ada.ask(kind, **told))["detail"] == detail
            assert isinstance(ada.hello["lease_seconds"], int)

    run(main)


def test_one_bad_item_among_good_ones_harms_none(acme: Stage, claim: dict[str, Any]) -> None:
    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            lease = {"task": claim["task"]["id"], "lease_token": claim["lease_token"]}
            await ada.beat(claim)  # it was claimed over HTTP
            ada.say(
                {"kind": "ready", "ref": 1, "slots": 0},
                {"kind": "dance", "ref": 2},
                "hello",
                {"kind": "heartbeat", "ref": "3", "leases": [lease]},
                {"ref": 4},
                {"kind": ["ready"], "ref": 5, "slots": 1},
                {"kind": "ready", "ref": 6, "slots": -1},
                {"kind": "ready", "ref": 7, "slots": 1.0},
                {"kind": "ready", "ref": 8, "slots": 1, "types": "research"},
                {"kind": "ready", "ref": 9, "slots": 1, "types": [" "]},
                {"kind": "heartbeat", "ref": 10, "leases": [lease] * 65},
                None,
                {"kind": "progress", "ref": 11, "phase": "reading", **lease},
                {"kind": "result", "ref": 12, **lease, **GOOD},
            )
            seen = {ref: (await ada.answer(ref)) for ref in (1, 2, "3", *range(4, 13))}
            assert {ref: said.get("code", "ack") for ref, said in seen.items()} == {
                1: "ack",
                2: "unknown_kind",
                "3": "ack",
                4: "unknown_kind",
                5: "unknown_kind",
                6: "invalid",
                7: "invalid",
                8: "invalid",
                9: "invalid",
                10: "invalid",
                11: "ack",
                12: "ack",
            }
            assert [said["code"] for said in ada.answers(None)] == ["not_an_object", "not_an_object"]
            assert seen[12]["outcome"] == "completed"

    run(main)
