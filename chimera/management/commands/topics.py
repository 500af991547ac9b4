"""`manage.py topics score|fit|say`: how good the recognition of topics is, learning it anew, and what it says of a text."""

import json
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chimera.flows.recognise_topics import recognise
from chimera.kernel.spelling import visible
from memory.embedders import OfflineEmbedder, offline
from safety import topics
from safety.topics import classifier, fitting
from safety.topics.fitting import Example, Figures

CORPUS = settings.BASE_DIR / "tests/safety/corpus/topics.jsonl"
DIMENSIONS = 512  # of the offline model; the rest of its vectors is padding


class Command(BaseCommand):
    help = "Topics that always go to a person: figures on the held-out part of the corpus, learning, and trying out."
    requires_system_checks: list[str] = []  # it needs no server

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        score = verbs.add_parser("score", help="precision and recall on what was not learned from")
        score.add_argument("--corpus", type=Path, default=CORPUS)
        score.add_argument("--misses", action="store_true", help="show every text that was judged wrongly")
        fit = verbs.add_parser("fit", help="learn the weights from the tuning part")
        fit.add_argument("--corpus", type=Path, default=CORPUS)
        fit.add_argument("--out", type=Path, default=classifier.WEIGHTS)
        verbs.add_parser("say", help="what a text touches").add_argument("text")

    def handle(self, *args: Any, **options: Any) -> None:
        match options["verb"]:
            case "score":
                self._score(_read(options["corpus"]), misses=options["misses"])
            case "fit":
                _fit(_read(options["corpus"]), options["out"])
            case "say":
                for touched in recognise(visible(options["text"])):
                    self.stdout.write(f"{touched.reason().detail} {touched.evidence}")

    def _score(self, examples: list[Example], *, misses: bool) -> None:
        held_out = [example for example in examples if example.is_held_out]
        self.stdout.write("\n".join(table(fitting.score(held_out, offline().embed), held_out)))
        for example in held_out if misses else ():
            found = {one.topic for one in topics.recognise(example.text, offline().embed)}
            if found != example.topics:
                missed, wrong = (
                    ", ".join(sorted(some)) or "-" for some in (example.topics - found, found - example.topics)
                )
                self.stdout.write(f"missed {missed}; wrongly {wrong}: {example.text}")


def table(figures: list[Figures], held_out: list[Example]) -> list[str]:
    head = [f"held out: {len(held_out)} texts, of which {sum(not e.topics for e in held_out)} touch none", ""]
    names = f"{'topic':18}{'texts':>6}{'precision':>11}{'recall':>8}{'by phrases':>12}"
    rows = [
        f"{f.name.replace('_', ' '):18}{f.positives:6}{f.precision:11.2f}{f.recall:8.2f}{f.recall_by_phrases:12.2f}"
        for f in figures
    ]
    return [*head, names, *rows]


def _read(corpus: Path) -> list[Example]:
    try:
        return fitting.read(corpus)
    except (OSError, ValueError, KeyError) as error:
        raise CommandError(f"{corpus}: {error}") from None


def _fit(examples: list[Example], out: Path) -> None:
    """The file is whole or as before."""
    tuning = [example for example in examples if not example.is_held_out]
    vectors = offline().embed([example.text for example in tuning])
    learned = fitting.fit(tuning, vectors, model=OfflineEmbedder.model, dimensions=DIMENSIONS)
    rows = ",\n".join(f"{json.dumps(topic)}: {json.dumps(row)}" for topic, row in learned["topics"].items())
    told = {name: value for name, value in learned.items() if name != "topics"}
    head = f'{json.dumps(told)[:-1]}, "topics": {{'
    with tempfile.NamedTemporaryFile("w", dir=out.parent, delete=False) as kept:
        kept.write(f"{head}\n{rows}\n}}}}\n")
    Path(kept.name).chmod(0o644)
    Path(kept.name).replace(out)
