"""Whether this process can do its work, said to anybody who asks."""

from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError, ProgrammingError, connection
from django.test import Client


@pytest.mark.django_db
def test_it_is_ready_where_the_servers_answer() -> None:
    said = Client().get("/readyz")
    assert (said.status_code, said.json()["postgresql"], said.json()["redis"]) == (200, "ok", "ok")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OperationalError('connection to server at "10.1.2.3" failed: role "chimera_app"'), "doctor"),
        (ProgrammingError('relation "kernel_lane" does not exist'), "migrate"),
    ],
)
@pytest.mark.django_db
def test_it_says_what_to_do_and_nothing_of_the_servers(error: Exception, words: str) -> None:
    def breaks(*args: Any) -> None:
        raise error

    with patch.object(connection, "cursor", breaks):
        said = Client().get("/readyz")
    assert said.status_code == 503
    assert words in said.json()["postgresql"]
    assert str(error)[:12] not in said.content.decode()
