"""A campaign's brief: a folder with `brief.toml` and `texts/`. The shape is described in examples/README.md.

Everything that is wrong is told at once, each with its place, before anything is created.
"""

import json
import re
import tomllib
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from chimera.campaign.reading import Table

PAYLOAD_BYTES_MAX = 256 * 1024  # Chimera's limit of a task's input; a text travels in one, beside the brief
PAYLOAD_BYTES_SPARE = 2 * 1024  # for what the server counts otherwise than we do
TEXTS_MAX = 200
POSTS_MAX = 500  # one batch of drafts
SUFFIXES = frozenset({".md", ".txt"})


class BriefRefused(Exception):
    """What is wrong with a brief, one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True)
class Persona:
    name: str
    voice: str
    do: list[str] = field(default_factory=list)
    dont: list[str] = field(default_factory=list)
    avoid: list[str] = field(default_factory=list)
    closing: str = ""


@dataclass(frozen=True)
class Platform:
    name: str
    length: int
    posts: int


@dataclass(frozen=True)
class Text:
    file: str
    text: str


@dataclass(frozen=True)
class Brief:
    name: str
    goal: str
    audience: str
    topics: list[str]
    persona: Persona
    platforms: list[Platform]
    render_usd: Decimal
    daily_usd: Decimal
    approval_above_usd: Decimal | None
    texts: list[Text]

    @property
    def slug(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-") or "campaign"

    @property
    def posts(self) -> int:
        return sum(platform.posts for platform in self.platforms)

    def shared(self) -> dict[str, Any]:
        """The brief as agents get it: everything but the texts and the limits of the budget."""
        return {
            "name": self.name,
            "goal": self.goal,
            "audience": self.audience,
            "topics": self.topics,
            "persona": asdict(self.persona),
            "platforms": [asdict(platform) for platform in self.platforms],
            "render_usd": str(self.render_usd),
        }

    def plans(self) -> list[dict[str, Any]]:
        """The inputs of the plan tasks: one, or as many as the texts need to fit."""
        parts: list[list[Text]] = [[]]
        for text in self.texts:
            if parts[-1] and _too_large(self._plan([*parts[-1], text])):
                parts.append([])
            parts[-1].append(text)
        return [self._plan(part, number, len(parts)) for number, part in enumerate(parts, 1)]

    def _plan(self, texts: list[Text], part: int = 1, parts: int = 1) -> dict[str, Any]:
        return {"brief": self.shared(), "texts": [asdict(text) for text in texts], "part": part, "parts": parts}


def read(folder: Path) -> Brief:
    """Raises BriefRefused."""
    if not folder.is_dir():
        raise BriefRefused([f"{folder} is no folder; give one with brief.toml and texts/ in it."])
    table = Table(_toml(folder / "brief.toml"), "brief.toml")
    texts, problems = _texts(folder / "texts")
    brief = _brief(table, texts)
    table.nothing_else()
    problems = table.problems + problems
    if not problems:
        problems = [
            f"texts/{text.file}: larger, with the brief, than {PAYLOAD_BYTES_MAX // 1024} KiB, one task; split it."
            for text in texts
            if _too_large(brief._plan([text]))
        ]
    if problems:
        raise BriefRefused(problems)
    return brief


def _brief(table: Table, texts: list[Text]) -> Brief:
    persona, money, platforms = table.table("persona"), table.table("money"), table.table("platforms")
    brief = Brief(
        name=table.text("name", most=120),
        goal=table.text("goal", most=4000),
        audience=table.text("audience", most=1000, default=""),
        topics=table.texts("topics", least=1, most=50, each=200),
        persona=Persona(
            name=persona.text("name", most=120, default=""),
            voice=persona.text("voice", most=1000, default=""),
            do=persona.texts("do", most=30, each=200),
            dont=persona.texts("dont", most=30, each=200),
            avoid=persona.texts("avoid", most=200, each=80),
            closing=persona.text("closing", most=200, default=""),
        ),
        platforms=[_platform(platforms.table(name), name) for name in platforms.names()],
        render_usd=money.money("render_usd"),
        daily_usd=money.money("daily_usd"),
        approval_above_usd=money.money_or_none("approval_above_usd"),
        texts=texts,
    )
    if not brief.platforms:
        table.problem("platforms: name at least one, such as [platforms.x] with length and posts.")
    if brief.posts > POSTS_MAX:
        table.problem(f"platforms: {brief.posts} posts; at most {POSTS_MAX} fit into one campaign.")
    return brief


def _platform(table: Table, name: str) -> Platform:
    return Platform(name, table.whole("length", least=40, most=20_000), table.whole("posts", least=1, most=POSTS_MAX))


def _toml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise BriefRefused([f"{path} is missing; see examples/README.md for its shape."])
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise BriefRefused([f"{path} is not UTF-8 text."]) from None
    except tomllib.TOMLDecodeError as error:
        raise BriefRefused([f"{path} is not TOML: {error}."]) from None


def _texts(folder: Path) -> tuple[list[Text], list[str]]:
    files = sorted(p for p in folder.glob("*") if p.is_file() and p.suffix.lower() in SUFFIXES and p.name[0] != ".")
    if not files:
        return [], [f"{folder} holds no .md or .txt file; a campaign needs at least one text."]
    if len(files) > TEXTS_MAX:
        return [], [f"{folder} holds {len(files)} texts; at most {TEXTS_MAX} fit into one campaign."]
    found, problems = [], []
    for path in files:
        text, problem = _text(path)
        found.append(Text(path.name, text))
        problems += [f"texts/{path.name}: {problem}"] if problem else []
    return found, problems


def _text(path: Path) -> tuple[str, str]:
    size = path.stat().st_size
    if size > PAYLOAD_BYTES_MAX:
        return (
            "",
            f"{size // 1024} KiB; one task takes {PAYLOAD_BYTES_MAX // 1024} KiB, brief included. Split it.",
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return "", "is not UTF-8 text."
    if "\x00" in text:
        return "", "contains a NUL character, which cannot be stored."
    return text, "" if text.strip() else "is empty."


def _too_large(payload: dict[str, Any]) -> bool:
    return len(json.dumps(payload, ensure_ascii=False).encode()) > PAYLOAD_BYTES_MAX - PAYLOAD_BYTES_SPARE
