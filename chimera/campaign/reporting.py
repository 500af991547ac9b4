"""The files of a campaign: report.md, posts.json, spend.json, memories.json, timeline.jsonl."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from chimera.campaign.brief import Brief
from chimera.campaign.harvesting import PASSED, Harvest
from chimera.campaign.launching import Launched


def write(folder: Path, *, report: str, harvest: Harvest, timeline: list[dict[str, Any]]) -> list[Path]:
    """Replaces what an earlier run wrote under the same name."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "report.md": report,
        "posts.json": _json(harvest.posts),
        "spend.json": _json(harvest.spend),
        "memories.json": _json(harvest.memories),
        "timeline.jsonl": "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in timeline),
    }
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")
    return [folder / name for name in contents]


def report(brief: Brief, launched: Launched, harvest: Harvest, *, base_url: str, ending: str) -> str:
    sections = [
        f"# {brief.name}\n\n{brief.goal}",
        f"Session `{launched.session}`, {ending}.",
        "## Done\n\n" + _done(harvest),
        "## Spent\n\n" + _spent(harvest.spend),
        "## Waiting for a human\n\n" + _waiting(harvest, base_url),
        "## Learnt\n\n" + _learnt(harvest),
        "## Posts\n\n" + "\n\n".join(_post(post) for post in harvest.posts),
    ]
    if harvest.troubles:
        lines = [f"- {t['type']} {t['about']}: {(t['error'] or {}).get('message', '')}" for t in harvest.troubles]
        sections.insert(5, "## Failed\n\n" + "\n".join(lines))
    return "\n\n".join(sections) + "\n"


def _done(harvest: Harvest) -> str:
    tasks = ", ".join(f"{count} {status}" for status, count in sorted(harvest.counts.items()))
    posts = "\n".join(f"- {count} {name}" for name, count in harvest.by_outcome().items() if count)
    return f"{len(harvest.posts)} posts:\n\n{posts}\n\nTasks: {tasks}."


def _spent(spend: dict[str, Any]) -> str:
    return (
        f"Of {spend['limit_usd']} USD a day: {spend['captured_usd']} spent, "
        f"{spend['held_usd']} held for posts that wait, "
        f"{spend['remaining_usd']} left; {spend['denied_usd']} refused. The day ends at {spend['resets_at']}."
    )


def _waiting(harvest: Harvest, base_url: str) -> str:
    if not harvest.cards:
        return "Nothing."
    lines = [
        f"- {card['about']} ({'; '.join(r['detail'] for r in card['reasons'])}) `{card['id']}`"
        for card in harvest.cards
    ]
    return "\n".join(lines) + f"\n\n{how_to_decide(base_url)}"


def how_to_decide(base_url: str) -> str:
    return (
        f"Decide in the admin, {base_url}/admin/, or by `POST {base_url}/api/v1/reviews/<id>/decision` with "
        '{"decision": "approve" | "reject" | "request_changes", "note": "…"}. '
        "What is approved goes on or is done, and is paid; what is rejected costs nothing."
    )


def learnt_from(harvest: Harvest) -> Counter[str]:
    """How many memories came from which text; '' for what tasks themselves left behind."""
    return Counter((memory.get("source") or {}).get("file") or "" for memory in harvest.memories)


def _learnt(harvest: Harvest) -> str:
    files = learnt_from(harvest)
    lines = [f"- {count} from {name}" for name, count in sorted(files.items()) if name]
    lines += [f"- {files['']} from the results of tasks"] if files[""] else []
    best = sorted(
        (m for m in harvest.memories if (m.get("source") or {}).get("file")), key=lambda m: -m["importance_score"]
    )
    quotes = [f"> {memory['content']}" for memory in best[:5]]
    return (
        f"{len(harvest.memories)} memories:\n\n"
        + "\n".join(lines)
        + "\n\nThe most important:\n\n"
        + "\n>\n".join(quotes)
    )


def _post(post: dict[str, Any]) -> str:
    judge, error = post["judge"], post["error"]
    lines = [f"### {post['platform']}: {post['topic']}", f"**{post['outcome']}**"]
    if post["text"]:
        lines += ["\n".join(f"> {line}".rstrip() for line in post["text"].split("\n"))]
        cited = [f"{s['file']} ({s['sentence']})" for s in post["sources"]]
        lines += [f"{post['characters']} of {post['length_max']} characters. Sources: {', '.join(cited)}."]
    if judge:
        lines += [f"Judge: {judge['verdict']} at {judge['score']}. {' '.join(judge['reasons'][:4])}"]
    if post["review"]:
        lines += ["Why a human: " + "; ".join(reason["detail"] for reason in post["review"]["reasons"])]
    if error and post["outcome"] != PASSED:
        lines += [f"{error['code']}: {error['message']}"]
    return "\n\n".join(lines)


def _json(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
