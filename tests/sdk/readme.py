"""A block of a README as a program: `python -m tests.sdk.readme FILE NUMBER`. Nothing but the SDK is imported here."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
YOURS = {  # what a README leaves to its reader
    "README.md": "",
    "sdk/README.md": """
async def render(question): return f"a picture of {question}"
def write(facts): return [fact["memory"]["content"] for fact in facts]
""",
}


def block(file: str, number: int) -> str:
    """The Python of the README, with what it leaves to its reader."""
    return YOURS[file] + re.findall(r"```python\n(.*?)```", (ROOT / file).read_text(), re.DOTALL)[number]


if __name__ == "__main__":
    exec(compile(block(sys.argv[1], int(sys.argv[2])), sys.argv[1], "exec"), {"__name__": "__main__"})
