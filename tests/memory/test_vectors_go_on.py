"""What keeps a tenant from being embedded whole, and must not: texts that an endpoint cannot take, and workers that were killed."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from chimera import housekeeping
from chimera.kernel import clock
from memory.actions import vectors
from memory.embedders import EmbedderAway
from memory.models import MemoryRecord
from tests.cast import Stage
from tests.memory.conftest import Remember
from tests.memory.endpoint import Endpoint
from tests.memory.test_vectors import TEXTS, endpoint, models, port, quick  # noqa: F401

# ruff: noqa: F811


def test_texts_at_which_the_endpoint_breaks_down_keep_nobody_waiting(
    port: Stage, zenith: Stage, endpoint: Endpoint, remember: Remember
) -> None:
    """The oldest come first each time: else a change of the model would end here, for this tenant and for all after it."""
    remember(zenith.ada, "of another house")
    endpoint.breaks = {TEXTS[0], TEXTS[2]}
    assert vectors.embed_waiting() == 5
    assert models(port) == ["usem3", "tiny", "usem3", "tiny"]
    assert models(zenith) == ["tiny"]
    with port.bound():
        assert MemoryRecord.objects.order_by("pk")[0].embedding_fault["reason"] == "tiny: HTTP 500"
    endpoint.breaks = set()
    with clock.held(clock.now() + timedelta(hours=2)):
        assert vectors.embed_waiting() == 2
    assert models(port) == ["tiny"] * 4


def test_many_refused_texts_in_a_row_keep_nobody_waiting(
    acme: Stage, endpoint: Endpoint, remember: Remember, settle: Any
) -> None:
    endpoint.refuses_too = {f"refused {n}" for n in range(20)}
    acme.ada.post("memories/batch", {"memories": [{"content": f"refused {n}"} for n in range(20)]}).ok()
    remember(acme.ada, TEXTS[0])
    assert vectors.embed_waiting() == 21
    assert models(acme) == [""] * 20 + ["tiny"]


@pytest.mark.parametrize("status", [400, 500])
def test_an_endpoint_that_takes_nothing_marks_no_text(port: Stage, endpoint: Endpoint, status: int) -> None:
    endpoint.status = status
    port.ada.post("memories/batch", {"memories": [{"content": f"text {n}"} for n in range(20)]}).ok()
    with pytest.raises(EmbedderAway):
        vectors.embed_waiting()
    with port.bound():
        assert not MemoryRecord.objects.filter(embedding_fault__isnull=False).exists()


def test_a_worker_that_was_killed_while_it_embedded_is_no_reason_to_embed_no_more(db: None) -> None:
    """Its job stays in work for ever, and the next one is taken all the same."""
    taken = []
    with connection.cursor() as cursor:
        for _ in range(2):
            housekeeping.embed_waiting.defer(timestamp=0)
            cursor.execute("SELECT id FROM procrastinate_fetch_job_v2(NULL, NULL)")
            taken.append(cursor.fetchone()[0])
    assert None not in taken
    assert len(set(taken)) == 2
