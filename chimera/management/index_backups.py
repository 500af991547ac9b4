"""Backups of the search index by Weaviate itself: `manage.py weaviate_backup`.

Nobody needs them to lose nothing, because PostgreSQL has all that is in the index. They move an index to another server
without filling it again: it is used as it is when nothing was written since, and else it is made anew from PostgreSQL
(memory.actions.indexing).

Nobody writes to the index meanwhile, so that a backup has all of a batch and its mark, or nothing, and no new index is begun
because the old one is away for the length of a restore. New memories wait in PostgreSQL.
"""

import http.client
import json
import time
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import psycopg

from chimera.kernel import clock, weaviate
from chimera.kernel.relay import direct
from memory.actions.indexing import LOCK
from memory.stores.weaviate.schema import ALIAS

WRITER_SECONDS = 30  # a batch that is being written is over long before
ASK_SECONDS = 0.5
CALL_SECONDS = 30.0
ENDED = ("SUCCESS", "FAILED", "CANCELED")
Tell = Callable[[str], None]


class BackupFailed(RuntimeError):
    """The message says why, and what to do."""


def make(name: str, *, backend: str, tell: Tell) -> dict[str, Any]:
    """Waits until it is made; searches go on. An empty `name` becomes one with the time."""
    classes = _present()
    if not classes:
        raise BackupFailed("there is no index yet: nothing to back up")
    name = name or f"chimera-{clock.now():%Y%m%d-%H%M%S}"
    with nobody_writing():
        _call("POST", f"/backups/{quote(backend)}", {"id": name, "include": classes})
        return _wait(f"/backups/{quote(backend)}/{quote(name)}", f"backup {name}", tell)


def known(*, backend: str) -> list[dict[str, Any]]:
    """Newest first, each with id, classes, size (GiB), startedAt and status."""
    found: list[dict[str, Any]] = _call("GET", f"/backups/{quote(backend)}") or []
    return sorted(found, key=lambda backup: str(backup.get("startedAt")), reverse=True)


def restore(name: str, *, backend: str, replace: bool, tell: Tell) -> dict[str, Any]:
    """Waits until it is restored; meanwhile searches use PostgreSQL.

    Refused where a collection of the backup is there, unless `replace`: then it is dropped first. If the process dies after
    that, there is no index, and the relay makes a new one.
    """
    there = {backup["id"]: backup for backup in known(backend=backend)}
    if name not in there or there[name]["status"] != "SUCCESS":
        names = ", ".join(one for one, backup in there.items() if backup["status"] == "SUCCESS") or "none"
        raise BackupFailed(f"there is no whole backup {name!r}; there are: {names}")
    in_the_way = sorted(set(there[name]["classes"]).intersection(_present()))
    if in_the_way and not replace:
        raise BackupFailed(
            f"{', '.join(in_the_way)} is there; --replace drops it first, and PostgreSQL keeps all that is in it"
        )
    with nobody_writing():
        for collection in in_the_way:
            _call("DELETE", f"/schema/{quote(collection)}")
        path = f"/backups/{quote(backend)}/{quote(name)}/restore"
        _call("POST", path, {"overwriteAlias": True})
        return _wait(path, f"restore of {name}", tell)


@contextmanager
def nobody_writing() -> Iterator[None]:
    """The lock of whoever writes to the index is ours. It ends with this process."""
    options = f"{direct.KEPT_ALIVE} -c statement_timeout={WRITER_SECONDS}s"
    with direct.connect("chimera-weaviate-backup", options=options) as held:
        try:
            held.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [LOCK])
        except psycopg.errors.QueryCanceled:
            raise BackupFailed(f"somebody has been writing to the index for {WRITER_SECONDS} s; try again") from None
        yield
        try:  # a closed connection alone gives it back some time later
            held.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [LOCK])
        except psycopg.Error:
            raise BackupFailed(
                "PostgreSQL was lost meanwhile, and with it the lock: do this again, with another name"
            ) from None


def _present() -> list[str]:
    return [found["class"] for found in _call("GET", "/schema")["classes"] if found["class"].startswith(ALIAS)]


def _wait(path: str, what: str, tell: Tell) -> dict[str, Any]:
    began = time.monotonic()
    while True:
        answer: dict[str, Any] = _call("GET", path)
        if answer["status"] in ENDED:
            break
        tell(f"{what}: {str(answer['status']).lower()}, {time.monotonic() - began:.0f} s")
        time.sleep(ASK_SECONDS)
    if answer["status"] != "SUCCESS":
        raise BackupFailed(
            f"{what} {str(answer['status']).lower()}: {answer.get('error') or 'Weaviate does not say why'}"
        )
    return answer


def _call(method: str, path: str, body: Any = None) -> Any:
    try:
        return weaviate.call(method, path, body, seconds=CALL_SECONDS)
    except urllib.error.HTTPError as refusal:
        raise BackupFailed(f"Weaviate refuses: {_reason(refusal)}") from None
    except (OSError, http.client.HTTPException, ValueError) as failure:
        raise BackupFailed(f"Weaviate is away ({failure}); `manage.py doctor` says more") from None


def _reason(refusal: urllib.error.HTTPError) -> str:
    try:
        return "; ".join(str(one["message"]) for one in json.loads(refusal.read())["error"])
    except (ValueError, KeyError, TypeError):
        return f"{refusal.code} {refusal.reason}"
