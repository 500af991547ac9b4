"""How long lists, refs and frames may be, in both directions."""

from typing import Any

import pytest

from tests.cast import Stage
from tests.live.watching import run
from tests.swarm.at_socket import AtSocket

pytestmark = pytest.mark.usefixtures("relay")


def test_a_list_is_as_long_as_a_batch_and_no_longer(acme: Stage) -> None:
    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            ada.say(*({"kind": "ready", "ref": number, "slots": 0} for number in range(500)))
            await ada.answer(499)
            assert len(ada.of("ack")) == 500
            ada.say(*({"kind": "ready", "ref": number, "slots": 1} for number in range(501)))
            assert (await ada.answer(None))["code"] == "too_large"
            ada.send("[]")
            assert (await ada.ready(0))["slots"] == 0
            assert len(ada.of("ack")) == 501

    run(main)


@pytest.mark.parametrize(
    ("odd", "shown"),
    [(1.5, None), (True, None), ([1], None), ({"a": 1}, None), ("r" * 81, None), (2**63, None), (-(10**30), None)],
)
def test_an_odd_ref_is_refused_and_not_repeated(acme: Stage, odd: Any, shown: Any) -> None:
    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            ada.say({"kind": "ready", "ref": odd, "slots": 1})
            said = await ada.answer(shown)
            assert (said["kind"], [(e["field"], e["code"]) for e in said["errors"]]) == ("error", [("ref", "invalid")])

    run(main)


@pytest.mark.parametrize("ref", ["", "r" * 80, "\x00", "\ud800", "é", 0, -1, 2**63 - 1, -(2**63)])
def test_any_other_ref_is_repeated_as_it_is(acme: Stage, ref: Any) -> None:
    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            ada.say({"kind": "ready", "ref": ref, "slots": 1}, {"kind": "dance", "ref": ref})
            await ada.answer(ref)
            assert [said["kind"] for said in ada.answers(ref)] == ["ack", "error"]
            ada.say({"kind": "ready", "slots": 1})
            assert (await ada.answer(None))["kind"] == "ack"

    run(main)


def test_what_is_no_text_or_too_large_closes_the_socket(acme: Stage, settings: Any) -> None:
    settings.FRAME_BYTES_MAX = 200

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            ada.send_bytes(b'{"kind": "ready", "slots": 1}')
            assert await ada.shown_out() == 1003
        for text in ("a" * 201, "é" * 101):
            async with AtSocket(acme.ada) as ada:
                ada.send(text)
                assert await ada.shown_out() == 1009

    run(main)


def test_many_large_tasks_come_in_frames_that_a_client_can_read(acme: Stage) -> None:
    session = acme.session()
    for number in range(6):
        acme.task(session, input_payload={"text": "x" * 120_000, "number": number})

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            await ada.ready(6)
            claims = await ada.tasks(6)
            assert {claim["task"]["input_payload"]["number"] for claim in claims} == set(range(6))
            assert max(len(frame) for frame in ada.frames) <= 262_144

    run(main)
