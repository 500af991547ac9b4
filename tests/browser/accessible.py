"""What a page keeps from people who do not see it or use no mouse, as axe-core finds it (4.14.1, MPL 2.0, tests/browser/vendor)."""

from pathlib import Path
from typing import Any

AXE = Path(__file__).resolve().parent / "vendor" / "axe.min.js"
SERIOUS = ("serious", "critical")
# What unfold's own frame does, on every page of the console alike, and no page of ours can change.
_FOUND = """
    async (serious) => {
        const said = await axe.run(document, {resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]});
        return said.violations
            .filter((each) => serious.includes(each.impact))
            .flatMap((each) => each.nodes.map((node) => `${each.id}: ${node.target.join(" ")}: ${node.any[0]?.message ?? each.help}`));
    }
"""


def faults(page: Any) -> list[str]:
    """The serious and critical ones: rule, place, what is wrong."""
    page.evaluate(AXE.read_text())  # past the page's policy, as a person's own tools are
    found: list[str] = page.evaluate(_FOUND, list(SERIOUS))
    return found
