"""Weaviate under `manage.py up`: never waited for, and no reason to end anything. Searches do without it while it is away.

One that answered and then hangs is killed and started again; what it has is on its disk, or can be made again from PostgreSQL. One that
has not answered since its start is left alone, because nobody can tell whether it hangs or reads a large log.
"""

import time
from collections.abc import Callable
from pathlib import Path

from chimera.kernel.embedded import ServerFailed, Weaviate
from chimera.management.supervisor import describe

ASK_SECONDS = 0.5  # between two questions whether it answers yet
WATCH_SECONDS = 5.0  # between two questions whether it still does
HEAR_SECONDS = 1.0  # for an answer; `tend` waits so long at most
MISSES_MAX = (
    6  # questions in a row without an answer: half a minute, longer than what it does at once for anybody takes
)
PATIENCE_SECONDS = 120.0  # without an answer after a start; then it is said
PAUSE_SECONDS, PAUSE_SECONDS_MAX = 0.5, 60.0
STEADY_SECONDS = 60.0  # who answered so long starts again with the shortest pause
FAILURES_MAX = (
    3  # starts in a row without an answer; then its data is set aside, which can be made again from PostgreSQL
)
MEANWHILE = "searches use PostgreSQL meanwhile"


class Index:
    """`begin` and `tend` do not wait; `tend` is called in a loop."""

    def __init__(self, home: Path, binary: Path, say: Callable[[str], None]) -> None:
        self._weaviate = Weaviate(home, binary)
        self._say = say
        self._pause = PAUSE_SECONDS
        self._failures = 0
        self._again_at = 0.0
        self._up = self._ended = self._cleared = False

    @property
    def variables(self) -> dict[str, str]:
        return self._weaviate.address.variables()

    def begin(self) -> None:
        """AlreadyRunning when another process supervises it."""
        self._began = time.monotonic()
        self._heard_at = self._ask_at = self._began
        self._misses = 0
        self._up = self._late = self._ended = False
        try:
            self._weaviate.begin()
        except (ServerFailed, OSError) as failure:
            self._ended = True
            self._again_later(f"Weaviate was not started ({failure})")

    def tend(self) -> None:
        """One look: note an answer, a silence or an end, or start again when the pause is over."""
        now = time.monotonic()
        if self._ended:
            if now >= self._again_at:
                self.begin()
        elif not self._weaviate.alive():
            self._note_end()
        elif now >= self._ask_at:
            self._ask_at = now + (WATCH_SECONDS if self._up else ASK_SECONDS)
            self._ask(now)

    def stop(self) -> None:
        self._weaviate.stop()

    def _ask(self, now: float) -> None:
        if self._weaviate.answers(seconds=HEAR_SECONDS):
            self._heard_at, self._misses = now, 0
            if not self._up:
                self._note_answer(now)
        elif self._up:
            self._misses += 1
            if self._misses >= MISSES_MAX:
                self._end_silence(now)
        elif now - self._began > PATIENCE_SECONDS and not self._late:
            self._late = True
            waited = now - self._began
            self._say(f"Weaviate does not answer after {waited:.0f} s, see {self._weaviate.log}; {MEANWHILE}")

    def _note_answer(self, now: float) -> None:
        self._up, self._answered_at = True, now
        self._ask_at = now + WATCH_SECONDS
        self._failures, self._cleared = 0, False
        where, waited = self._weaviate.folder, now - self._began
        self._say(f"Weaviate: process {self._weaviate.pid}, data in {where}, ready after {waited:.0f} s")

    def _end_silence(self, now: float) -> None:
        """It lives and says nothing, and would not hear SIGTERM either."""
        self._weaviate.kill()
        self._ended = True
        self._rest_if_steady()
        silent = now - self._heard_at
        self._again_later(f"Weaviate did not answer for {silent:.0f} s, see {self._weaviate.log}; it was killed")

    def _note_end(self) -> None:
        self._ended = True
        if not self._up:
            self._failures += 1
        self._rest_if_steady()
        if self._failures >= FAILURES_MAX and not self._cleared:
            self._clear()
        how = describe(self._weaviate.returncode)
        self._again_later(f"Weaviate ended ({how}, see {self._weaviate.log})")

    def _rest_if_steady(self) -> None:
        if self._up and self._heard_at - self._answered_at > STEADY_SECONDS:
            self._pause = PAUSE_SECONDS

    def _clear(self) -> None:
        self._cleared = True
        if aside := self._weaviate.set_data_aside():
            self._say(
                f"Weaviate did not start {self._failures} times with its data, which now lies in {aside}; it begins empty"
            )

    def _again_later(self, what: str) -> None:
        self._again_at = time.monotonic() + self._pause
        self._say(f"{what} and is started again in {self._pause:.1f} s; {MEANWHILE}")
        self._pause = min(PAUSE_SECONDS_MAX, self._pause * 2)
