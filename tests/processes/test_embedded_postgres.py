"""The embedded PostgreSQL: starts anywhere, survives a kill, ends with us, and is nobody else's."""

import os
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from chimera.kernel.embedded import AlreadyRunning, Postgres, ServerFailed, ports
from chimera.kernel.embedded.identity import SAME, outer_ids, unprivileged
from tests.processes import proc

# As root: in a user namespace where the machine allows it, and as `nobody` as where it does not.
IDENTITIES = [unprivileged(), "drop:65534:65534"] if os.geteuid() == 0 else [SAME]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a server that was started once, and stopped."""
    server = Postgres(tmp_path_factory.mktemp("made") / "home", durable=False)
    server.start()
    server.stop()
    return server.home


@pytest.fixture
def postgres(made: Path, tmp_path: Path) -> Iterator[Postgres]:
    shutil.copytree(made, tmp_path / "home", symlinks=True)
    server = Postgres(tmp_path / "home", durable=False)
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("identity", IDENTITIES)
def test_what_was_committed_survives_a_kill(tmp_path: Path, identity: str) -> None:
    server = Postgres(tmp_path / "home", identity=identity)
    server.start()
    try:
        urls = server.urls
        with psycopg.connect(urls.owner) as owner:
            owner.execute("CREATE TABLE note (line text)")
            owner.execute("INSERT INTO note VALUES ('kept')")
        server.kill()
        assert not server.alive()
        assert server.start() == urls
        with psycopg.connect(urls.app) as app:
            assert app.execute("SELECT line FROM note").fetchall() == [("kept",)]
    finally:
        server.stop()


def test_a_folder_follows_its_server_to_another_identity(tmp_path: Path) -> None:
    for identity in (*IDENTITIES, IDENTITIES[0]):
        server = Postgres(tmp_path / "home", durable=False, identity=identity)
        server.start()
        server.stop()
        assert server.folder.stat().st_uid == outer_ids(identity)[0]


def test_a_deep_folder_is_no_obstacle(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-folder-with-a-long-name"] * 6)
    assert len(str(deep)) > 150
    server = Postgres(deep, durable=False)
    server.start()
    assert server.alive()
    server.stop()


def test_a_pid_file_that_names_somebody_else_is_stale(postgres: Postgres) -> None:
    postgres.stop()
    pid_file = postgres.folder / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{postgres.folder}\n")
    postgres.start()
    assert postgres.alive()


def test_a_server_left_behind_is_ended_before_the_next(postgres: Postgres) -> None:
    left = postgres.pid
    postgres._hold.release()  # as if its supervisor had died where the kernel knows no death signal
    following = Postgres(postgres.home, durable=False)
    following.start()
    assert not proc.lives(left)
    assert following.alive()
    following.stop()


def test_a_second_supervisor_is_refused_and_told_whose_it_is(postgres: Postgres) -> None:
    with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
        Postgres(postgres.home, durable=False).start()
    assert postgres.alive()


def test_the_port_is_remembered_and_given_up_when_taken(postgres: Postgres) -> None:
    port = postgres._kept.get("port")
    postgres.stop()
    postgres.start()
    assert postgres._kept.get("port") == port
    postgres.stop()
    with socket.create_server((ports.LOOPBACK, port)):
        postgres.start()
        assert ports.LOWEST <= postgres._kept.get("port") <= ports.HIGHEST
        assert postgres._kept.get("port") != port
    with psycopg.connect(postgres.urls.app) as app:
        assert app.info.user == "chimera_app"


def test_data_of_another_release_is_refused_and_untouched(postgres: Postgres) -> None:
    postgres.stop()
    version = postgres.folder / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(ServerFailed, match="holds data of PostgreSQL 17"):
        postgres.start()
    assert version.read_text() == "17\n"


def test_a_start_that_fails_says_why(postgres: Postgres) -> None:
    postgres.stop()
    (postgres.folder / "postgresql.auto.conf").write_text("shared_buffers = 'much'\n")
    with pytest.raises(ServerFailed, match="shared_buffers"):
        postgres.start()
    assert not postgres.alive()


def test_it_is_closed_to_everybody_else(postgres: Postgres) -> None:
    private = [postgres.home, postgres.folder, postgres.home / "postgres.json", postgres.home / "logs"]
    assert [oct(stat.S_IMODE(path.stat().st_mode) & 0o077) for path in private] == ["0o0"] * 4
    with psycopg.connect(postgres.urls.superuser) as connection:
        shown = connection.execute(
            "SELECT current_setting('listen_addresses'), current_setting('unix_socket_directories')"
        )
        assert shown.fetchone() == (ports.LOOPBACK, "")
        methods = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        assert methods == [("scram-sha-256",)]
    wrong = postgres.urls.app.replace(postgres._kept.password("chimera_app"), "guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_it_ends_when_its_process_is_killed(tmp_path: Path) -> None:
    owner = proc.start_servers(tmp_path / "home")
    os.kill(owner.pid, signal.SIGKILL)
    owner.process.wait(10)
    for server in owner.servers:
        proc.until(lambda pid=server: not proc.lives(pid))


def test_it_does_not_hold_the_output_of_its_process(tmp_path: Path) -> None:
    owner = proc.start_servers(tmp_path / "home")
    assert owner.process.stdout is not None
    pipe = os.readlink(f"/proc/self/fd/{owner.process.stdout.fileno()}")
    for server in owner.servers:
        held = [os.readlink(link) for link in Path(f"/proc/{server}/fd").iterdir()]
        assert pipe not in held
    owner.process.terminate()
    owner.process.wait(10)


def test_an_ordinary_user_starts_it_too(tmp_path: Path) -> None:
    """As root we become nobody; the tests' folders are made passable for that."""
    owner = proc.start_servers(tmp_path / "home", as_nobody=os.geteuid() == 0)
    ids = {Path(f"/proc/{server}").stat().st_uid for server in owner.servers}
    assert ids == {65534 if os.geteuid() == 0 else os.geteuid()}
    owner.process.terminate()
    assert owner.process.wait(10) is not None


def test_psql_can_run_the_script_for_your_own_server(postgres: Postgres) -> None:
    from chimera.kernel import roles
    from chimera.kernel.embedded.postgres import binary

    script = roles.script(database="yours", owner_password="one", app_password="two")
    for _ in range(2):  # repeating it changes nothing
        subprocess.run(
            [str(binary("psql")), "--quiet", "--no-psqlrc", postgres.urls.superuser],
            input=script, text=True, check=True, capture_output=True, timeout=30,
        )  # fmt: skip
    port = postgres._kept.get("port")
    with psycopg.connect(f"postgresql://chimera_owner:one@{ports.LOOPBACK}:{port}/yours") as owner:
        owner.execute("CREATE TABLE thing (id int)")
        owner.execute("CREATE TABLE chimera_parts.thing_2026_01 (id int)")
    with psycopg.connect(f"postgresql://chimera_app:two@{ports.LOOPBACK}:{port}/yours") as app:
        app.execute("INSERT INTO thing VALUES (1)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("SELECT * FROM chimera_parts.thing_2026_01")
