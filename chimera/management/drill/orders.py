"""What the drill tells its processes while they run: a small file that each of them reads again and again."""

import json
import threading
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from chimera.kernel import clock
from chimera.kernel.embedded.folder import write_private

LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Orders:
    """How far the clock runs ahead of the machine's, and what is paid with."""

    ahead_seconds: float = 0.0
    asset: str = "USD"

    def write(self, path: Path) -> None:
        write_private(path, json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> "Orders":
        return cls(**json.loads(path.read_text()))


class Follower:
    """Obeys the file: this process's clock leaps within LOOK_SECONDS of everybody else's."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.orders = Orders()
        self._obey()
        threading.Thread(target=self._follow, name="orders", daemon=True).start()

    def _follow(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            self._obey()

    def _obey(self) -> None:
        fresh = Orders.read(self._path)
        if fresh != self.orders:
            clock.run_ahead(timedelta(seconds=fresh.ahead_seconds))
            self.orders = fresh
