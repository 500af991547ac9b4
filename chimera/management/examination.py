"""What `manage.py doctor` looks at: one function per question, each answering findings with a remedy."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from django.conf import settings
from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

from chimera.kernel import partitions, redis, relay, roles, tenancy, weaviate, xidbase
from chimera.kernel.embedded.weaviate import built
from chimera.kernel.relay.blockers import eventlog_blockers
from chimera.kernel.relay.tables import Lane, ParkedEvent

SERVER_VERSION_LEAST = 160_000
LAG_EVENTS_WARN = 1_000  # about two seconds of work for a lane


class Finding(NamedTuple):
    grade: str  # ok | warning | broken
    what: str
    remedy: str = ""


def examine() -> Iterator[Finding]:
    """All findings, in the order in which one would mend them; without PostgreSQL the rest cannot be asked."""
    database = list(_postgresql())
    yield from database
    if all(finding.grade != "broken" for finding in database):
        for question in _QUESTIONS:
            try:
                yield from question()
            except DatabaseError as error:
                yield Finding(
                    "broken",
                    f"{question.__name__[1:]}: {_first_line(error)}",
                    "Run `manage.py migrate` and look again.",
                )
    yield from _redis()
    yield from _weaviate()


def _postgresql() -> Iterator[Finding]:
    for alias, variable in (("default", "DATABASE_URL"), ("owner", "DATABASE_OWNER_URL")):
        if not connections[alias].settings_dict["NAME"]:
            yield Finding(
                "broken",
                f"{variable} is not set",
                "Run `make up`, or set it to your own server (README, Your own servers).",
            )
            continue
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
                number, version = cursor.fetchone()
        except DatabaseError as error:
            yield Finding(
                "broken", f"{variable}: {_first_line(error)}", "Is the server up, and do host, user and password fit?"
            )
            continue
        if number < SERVER_VERSION_LEAST:
            yield Finding("broken", f"{variable}: PostgreSQL {version}", "Chimera needs PostgreSQL 16 or newer.")
        else:
            yield Finding("ok", f"{variable}: PostgreSQL {version}")


def _roles() -> Iterator[Finding]:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT current_user, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        user, privileged = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user")
        owns = cursor.fetchone()[0]
        cursor.execute(
            "SELECT count(*) FROM pg_roles WHERE rolname = %s AND pg_has_role(current_user, oid, 'SET')", [roles.SYSTEM]
        )
        may_switch = cursor.fetchone()[0]
        cursor.execute("SELECT has_database_privilege(current_database(), 'TEMP')")
        may_shadow = cursor.fetchone()[0]
    script = "Provision the roles: `manage.py doctor --sql`, run by psql as a superuser of the server."
    if privileged or owns:
        yield Finding(
            "broken", f"the application logs in as {user}, who owns tables or bypasses row-level security", script
        )
    elif not may_switch:
        yield Finding("broken", f"{user} may not SET ROLE {roles.SYSTEM}", script)
    elif may_shadow:
        yield Finding(
            "broken", f"{user} may make temporary tables, which can stand before others of the same name", script
        )
    else:
        yield Finding("ok", f"the application logs in as {user}, who owns nothing and bypasses nothing")


def _migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connections["owner"])
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        yield Finding("broken", f"{len(missing)} migrations are not applied", "Run `manage.py migrate`.")
    else:
        yield Finding("ok", "migrations are applied")


def _extensions() -> Iterator[Finding]:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT extname FROM pg_extension")
        there = {row[0] for row in cursor.fetchall()}
    for name in roles.EXTENSIONS:
        if name not in there:
            yield Finding("broken", f"the extension {name} is missing", f"As superuser: CREATE EXTENSION {name};")


def _partitions() -> Iterator[Finding]:
    ahead = partitions.months_ahead()
    grade = "ok" if ahead >= settings.PARTITIONS_AHEAD_WARN_MONTHS else "warning"
    yield Finding(
        grade,
        f"partitions exist {ahead} months ahead",
        "" if grade == "ok" else "Is `manage.py procrastinate worker` running?",
    )


def _event_log() -> Iterator[Finding]:
    blockers = eventlog_blockers()
    if not blockers:
        yield Finding("ok", "nothing holds the event log back")
    for blocker in blockers:
        remedy = (
            f"SELECT pg_terminate_backend({blocker.pid});"
            if blocker.pid
            else f"ROLLBACK PREPARED '{blocker.prepared}';"
        )
        yield Finding("warning", f"the event log waits for {blocker}", f"If it is idle for good: {remedy}")


def _positions() -> Iterator[Finding]:
    standing = xidbase.standing()
    if standing.is_behind:
        what = f"new positions ({standing.present}) come before stored ones ({standing.highest}), as after a restore"
        yield Finding("broken", what, "Run `manage.py raise_xid_base`.")
    else:
        yield Finding("ok", "new positions come after all stored ones")


def _lanes() -> Iterator[Finding]:
    with tenancy.system():
        lanes = {lane.name: lane for lane in Lane.objects.all()}
        parked = ParkedEvent.objects.filter(status="parked").count()
        for name in relay.registry().lanes():
            if name != "clock":
                yield _lane(name, lanes.get(name))
    if parked:
        yield Finding(
            "warning", f"{parked} events are parked", "See them, with their errors, in the admin; retry them there."
        )


def _lane(name: str, lane: Lane | None) -> Finding:
    if lane is None:
        return Finding("warning", f"lane {name} never ran", "Start `manage.py relay`.")
    with connections["default"].cursor() as cursor:
        sql = "SELECT count(*) FROM (SELECT 1 FROM kernel_event WHERE (xid, seq) > (%s, %s) LIMIT %s) behind"
        cursor.execute(sql, [lane.xid, lane.seq, LAG_EVENTS_WARN])
        behind = cursor.fetchone()[0]
    if behind >= LAG_EVENTS_WARN:
        return Finding("warning", f"lane {name} is {behind} or more events behind", "Is `manage.py relay` running?")
    return Finding("ok", f"lane {name} is {behind} events behind")


def _redis() -> Iterator[Finding]:
    if not settings.REDIS_URL:
        yield Finding("broken", "REDIS_URL is not set", "Run `make up`, or set it to your own server.")
        return
    try:
        version = redis.client().info("server")["redis_version"]  # type: ignore[index]
    except redis.FAULTS as error:
        yield Finding(
            "warning",
            f"Redis: {_first_line(error)}",
            "Work goes on through PostgreSQL, more slowly; start Redis again.",
        )
        return
    yield Finding("ok", f"Redis {version}")


def _weaviate() -> Iterator[Finding]:
    found = weaviate.standing()
    match found.word:
        case "not used":
            there = built(settings.HOME).exists()
            yield Finding(
                "ok",
                "memories are searched in PostgreSQL; no Weaviate is used",
                "`make up` starts the one that is built." if there else "`make weaviate` builds one, if you want it.",
            )
        case "ok":
            yield Finding("ok", f"Weaviate {found.version} at {settings.WEAVIATE_URL}")
        case _:
            yield Finding(
                "warning",
                f"Weaviate at {settings.WEAVIATE_URL} is away: {found.reason}",
                f"Memories are searched in PostgreSQL meanwhile, and nothing is lost. Under `make up`: {settings.HOME}/logs/weaviate.log; "
                "else is it up, and do WEAVIATE_URL and WEAVIATE_API_KEY fit?",
            )


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:300]


_QUESTIONS: list[Callable[[], Iterator[Finding]]] = [
    _roles,
    _extensions,
    _migrations,
    _partitions,
    _event_log,
    _positions,
    _lanes,
]
