"""The embedded Valkey: a hint that survives a kill, starts with whatever it finds, and is nobody else's."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as client

from chimera.kernel.embedded import AlreadyRunning, Redis
from tests.processes import proc


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    server = Redis(tmp_path / "home with a blank")
    server.start()
    yield server
    server.stop()


def test_what_was_written_survives_a_kill(redis: Redis) -> None:
    url = redis.url
    with client.Redis.from_url(url) as connection:
        connection.set("chimera:epoch", "one")
    redis.kill()
    assert redis.start() == url
    with client.Redis.from_url(url) as connection:
        assert connection.get("chimera:epoch") == b"one"


def test_data_that_cannot_be_read_is_set_aside(redis: Redis) -> None:
    redis.stop()
    for part in (redis.folder / "appendonlydir").iterdir():
        part.write_bytes(b"\0damaged")
    redis.start()
    with client.Redis.from_url(redis.url) as connection:
        assert connection.dbsize() == 0
    assert (redis.home / "redis.unreadable" / "appendonlydir").exists()


def test_data_of_another_server_is_not_read(redis: Redis) -> None:
    with client.Redis.from_url(redis.url) as connection:
        connection.set("chimera:epoch", "one")
    redis.stop()
    redis._kept.set(kind="another 1")
    redis.start()
    with client.Redis.from_url(redis.url) as connection:
        assert connection.dbsize() == 0


def test_a_server_left_behind_is_ended_before_the_next(redis: Redis) -> None:
    left = redis.pid
    redis._hold.release()
    following = Redis(redis.home)
    following.start()
    assert not proc.lives(left)
    following.stop()


def test_a_second_supervisor_is_refused(redis: Redis) -> None:
    with pytest.raises(AlreadyRunning, match="already running"):
        Redis(redis.home).start()


def test_it_is_closed_to_everybody_else(redis: Redis) -> None:
    password = redis._kept.password("password")
    assert password not in proc.command_line(redis.pid)
    for path in (redis.home / "redis.conf", redis.home / "redis.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with client.Redis.from_url(redis.url.replace(password, "")) as stranger:
        with pytest.raises(client.AuthenticationError):
            stranger.get("chimera:epoch")
    with client.Redis.from_url(redis.url) as connection:
        assert connection.config_get("bind")["bind"] == "127.0.0.1"
