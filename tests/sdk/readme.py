"""A block of the SDK's README as a program: `python -m tests.sdk.readme NUMBER`. Nothing but the SDK is imported here."""

import re
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "sdk" / "README.md"
YOURS = """
async def render(question): return f"a picture of {question}"
def write(facts): return [fact["memory"]["content"] for fact in facts]
"""


def block(number: int) -> str:
    """The Python of the README, with what it leaves to its reader."""
    return YOURS + re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[number]


if __name__ == "__main__":
    exec(compile(block(int(sys.argv[1])), str(README), "exec"), {"__name__": "__main__"})
