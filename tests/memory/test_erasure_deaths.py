"""An erasure whose worker dies by SIGKILL at every line: it goes on where it stood, nothing is left, and the receipt counts right."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from chimera.kernel import tenancy
from memory.actions import erasing, vectors
from memory.actions.erasing import rows
from memory.models import MemoryCheck, MemoryErasure, MemoryRecord
from memory.receipts import receipt, seal
from memory.states import ErasureStatus
from tests.cast import Stage
from tests.races.dying import at_every_line

pytestmark = pytest.mark.slow
MEMORIES = 5
COUNTS = {
    "memories": MEMORIES,
    "vectors": MEMORIES - 1,
    "sightings": 1,
    "reasons": 1,
    "copies": MEMORIES - 1,
    "questions": 1,
    "answers": 0,
}


def test_an_erasure_goes_on_after_a_death_at_any_line(
    acme: Stage, settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "LEASE", timedelta(hours=1))  # whatever else the machine does meanwhile
    monkeypatch.setattr(rows, "ERASED_AT_ONCE", 2)  # three slices
    acme.task(acme.session())
    settle()
    (claim,) = acme.ada.claim()
    lease = {"task": claim["task"]["id"], "lease_token": claim["lease_token"]}
    monkeypatch.setattr(rows, "WALKED_AT_ONCE", 30)  # in the end several pages
    scenes = iter(range(10_000))

    def prepare() -> str:
        """Memories about somebody: one repeated, one forgotten with a reason, the others frozen; and one of somebody else."""
        scene = f"subject-{next(scenes)}"
        said = [{"content": f"The ferry {n} of {scene} is late.", "subject": scene} for n in range(MEMORIES)]
        made = acme.ada.post("memories/batch", {"memories": said}).ok()["outcomes"]
        acme.bob.post("memories/batch", {"memories": said[:1]}).ok()
        vectors.embed_waiting()
        acme.otto.post(f"memories/{made[1]['memory']['id']}/forget", {"reason": "Ann said so."}).ok()
        search = {"query": scene, "mode": "keyword", "limit": 50}
        acme.ada.post("memories/search", search | lease).ok()
        body = {"scope": "subject", "whose": scene, "reason": "asked"}
        erasure: str = acme.boss.post("memories/erasures", body).ok(202)["id"]
        return erasure

    def act(erasure: str) -> None:
        assert erasing.go_on(tenant_id=acme.tenant_id, erasure_id=erasure) == ErasureStatus.CONFIRMED  # type: ignore[arg-type]

    def mark() -> Any:
        """Whatever an erasure changes."""
        with tenancy.system(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT count(*) FROM memory_memoryrecord), (SELECT count(*) FROM memory_memoryvector),"
                " (SELECT array_agg((status, counts)::text) FROM"
                " (SELECT * FROM memory_memoryerasure ORDER BY id) e), (SELECT md5(string_agg(memories::text, '' ORDER BY id))"
                " FROM memory_memorycheck), (SELECT md5(string_agg(query, '' ORDER BY id)) FROM memory_memorycheck)"
            )
            return cursor.fetchone()

    def afterwards(erasure: str) -> None:
        act(erasure)
        with acme.bound():
            row = MemoryErasure.objects.get(pk=erasure)
            assert not MemoryRecord.objects.filter(subject=row.whose).exists()
            copies = [copy for check in MemoryCheck.objects.all() for copy in check.memories]
        assert {kind: row.counts.get(kind, 0) for kind in COUNTS} == COUNTS
        assert not [copy for copy in copies if row.whose in copy["content"]]
        assert row.seal == seal(receipt(row))

    deaths = at_every_line(prepare, act, afterwards, mark=mark)
    assert deaths > 20, deaths
