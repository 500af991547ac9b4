"""An agent of the SDK in a process of its own: `python -m tests.processes.sdk_agent`. Nothing of Django is imported here.

Its effect on the world is a line in EFFECTS for each attempt: task, attempt, NAME. A task may hold what it `spends` and say what
it `costs`. One that `waits` ends when the file GO is there; a `stubborn` one then hands its result in itself, whatever became of its
lease, and ANSWERS tells what was answered.
"""

import os
import time
from pathlib import Path
from typing import Any

from chimera_sdk import Agent, Client, ProblemError

agent = Agent(transport=os.environ["TRANSPORT"], drain_seconds=5)  # type: ignore[arg-type]
NAME, GO = os.environ["NAME"], Path(os.environ["GO"])


@agent.task("research")
def research(task: Any, ctx: Any) -> Any:
    write("EFFECTS", task.id, str(ctx.attempt), NAME)
    if amount := task.input.get("spends"):
        ctx.spend(amount, payee="render.example").hold()
    if amount := task.input.get("costs"):
        ctx.cost(amount)
    while task.input.get("waits") and not GO.exists():
        time.sleep(0.02)  # the other end of this is a file
    if task.input.get("stubborn"):
        write("ANSWERS", NAME, hand_in(task.id, ctx.lease_token))
    return ctx.result({"by": NAME}, confidence=0.95)


def hand_in(task_id: str, token: str) -> str:
    body = {"lease_token": token, "status": "succeeded", "output_payload": {"by": NAME}, "confidence_score": 0.95}
    with Client() as client:
        try:
            return str(client.post(f"tasks/{task_id}/result", body)["outcome"])
        except ProblemError as refusal:
            return refusal.code


def write(file: str, *words: str) -> None:
    """One line at a time, whoever else writes."""
    with Path(os.environ[file]).open("ab", buffering=0) as lines:
        lines.write((" ".join(words) + "\n").encode())


if __name__ == "__main__":
    agent.run(slots=int(os.environ["SLOTS"]))
