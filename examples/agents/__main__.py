"""Run one agent process: `python -m examples.agents --role planner|worker|judge [--slots N]`.

Environment: CHIMERA_URL and CHIMERA_KEY (an agent's API key); optionally CHIMERA_MODEL_URL, CHIMERA_MODEL_KEY
and CHIMERA_MODEL for an OpenAI-compatible chat endpoint. SIGTERM or Ctrl-C lets the work in hand finish, for
half a minute; a second one does not.
"""

import argparse
import logging
import os
import sys

from chimera_sdk import ProblemError
from examples.agents.model import Model
from examples.agents.roles import ROLES, agent_of

log = logging.getLogger("agents")


def main() -> int:
    options = _options()
    url, key = os.environ.get("CHIMERA_URL", ""), os.environ.get("CHIMERA_KEY", "")
    if not url.startswith(("http://", "https://")) or not key:
        sys.stderr.write("Set CHIMERA_URL (such as http://127.0.0.1:8000) and CHIMERA_KEY (an agent's key, chm_…).\n")
        return 2
    logging.basicConfig(
        level=logging.INFO,
        format=f"%(asctime)s {options.role}: %(message)s",
        datefmt="%H:%M:%S",
        stream=sys.stderr,
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    log.info("%s at %s, %d slots, %s", options.role, url, options.slots, Model.described())
    try:
        agent_of(options.role, url, key).run(slots=options.slots)
    except ProblemError as error:
        log.error("%s; check CHIMERA_KEY and its role", error)
        return 2
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.agents", description=__doc__.splitlines()[0])
    parser.add_argument("--role", choices=sorted(ROLES), required=True)
    parser.add_argument(
        "--slots", type=_slots, default=1, help="tasks worked on at once, at most the agent's max_slots"
    )
    return parser.parse_args()


def _slots(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError("must be a whole number from 1 to 64")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
