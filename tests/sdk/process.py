"""An agent in a process of its own: `python -m tests.sdk.process`. Nothing of Django is imported here.

It writes a line for each task that it begins, with its process id, to FILE, and works on until the file GO is there.
"""

import os
import sys
import time
from pathlib import Path

from chimera_sdk import Agent

agent = Agent(drain_seconds=20)


@agent.task("research")
def research(task, ctx):  # type: ignore[no-untyped-def]
    with Path(os.environ["FILE"]).open("a") as file:
        file.write(f"{os.getpid()} {task.id}\n")
    while not Path(os.environ["GO"]).exists():
        time.sleep(0.02)  # the other end of this is a file
    return ctx.result({"pid": os.getpid()}, confidence=0.95)


if __name__ == "__main__":
    agent.run(slots=4)
    sys.exit(0)
