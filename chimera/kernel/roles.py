"""Who may do what in the database: three roles, a schema for partitions, and what new tables grant.

* chimera_owner logs in for migrations and owns everything; a plain role, because a superuser hides what
  others meet.
* chimera_app logs in to serve; it owns nothing and bypasses nothing.
* chimera_system cannot log in; chimera_app takes it for one transaction. The grant says INHERIT FALSE: a
  plain one would apply the policies of chimera_system to every query of chimera_app, and switch row-level
  security off without a word.

Privileges on existing tables are never touched: a migration may have taken some away (an append-only ledger).
Needs PostgreSQL 16. Repeating it changes nothing, apart from the passwords given.
"""

from collections.abc import Iterator

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

OWNER, APP, SYSTEM = "chimera_owner", "chimera_app", "chimera_system"
PARTS = "chimera_parts"
EXTENSIONS = ("vector", "pg_trgm", "btree_gin")
LEAST_VERSION = 160_000
Statement = sql.SQL | sql.Composed

# For a role's every session. Migrations may take long, but wait for nobody long: a waiting ACCESS EXCLUSIVE
# stops all.
TIMEOUTS = {
    APP: {"lock_timeout": "3s", "statement_timeout": "15s", "idle_in_transaction_session_timeout": "15s"},
    OWNER: {
        "lock_timeout": "10s",
        "statement_timeout": "15min",
        "idle_in_transaction_session_timeout": "60s",
    },
}


def provision(
    superuser_dsn: str, *, database: str, owner_password: str, app_password: str, template: bool = False
) -> None:
    """Roles, database, extensions and privileges; with `template`, databases made later have the latter two.

    `superuser_dsn` may name any database of the cluster; ValueError when the server is older than PostgreSQL
    16.
    """
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        if connection.info.server_version < LEAST_VERSION:
            raise ValueError("Chimera needs PostgreSQL 16 or newer")
        for statement in _cluster(owner_password=owner_password, app_password=app_password):
            connection.execute(statement)
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()
    if template:
        _equip(superuser_dsn, "template1")
    if not known:
        with psycopg.connect(superuser_dsn, autocommit=True) as connection:
            connection.execute(_create_database(database))
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        for statement in _database(database):
            connection.execute(statement)
    _equip(superuser_dsn, database)


def script(*, database: str = "chimera", owner_password: str = "<owner>", app_password: str = "<app>") -> str:
    """The same for `psql`, to be run as a superuser of your own server."""
    lines = ["\\set ON_ERROR_STOP on"]
    lines += [_text(part) for part in _cluster(owner_password=owner_password, app_password=app_password)]
    create = sql.SQL("SELECT {} WHERE NOT EXISTS (SELECT 1 FROM pg_database WHERE datname = {}) \\gexec").format(
        sql.Literal(_create_database(database).as_string(None)), sql.Literal(database)
    )
    lines += [create.as_string(None)]
    lines += [_text(part) for part in _database(database)]
    lines += [sql.SQL("\\connect {}").format(sql.Identifier(database)).as_string(None)]
    lines += [_text(part) for part in _inside()]
    return "\n".join(lines) + "\n"


def _text(statement: Statement) -> str:
    return statement.as_string(None) + ";"


def _equip(superuser_dsn: str, database: str) -> None:
    with psycopg.connect(make_conninfo(superuser_dsn, dbname=database)) as connection:
        for statement in _inside():
            connection.execute(statement)


def _cluster(*, owner_password: str, app_password: str) -> Iterator[Statement]:
    for role in (OWNER, APP, SYSTEM):
        yield sql.SQL("DO $$ BEGIN CREATE ROLE {}; EXCEPTION WHEN duplicate_object THEN NULL; END $$").format(
            sql.Identifier(role)
        )
    plain = "NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS"
    yield sql.SQL("ALTER ROLE {} LOGIN CREATEDB " + plain + " PASSWORD {}").format(
        sql.Identifier(OWNER), sql.Literal(owner_password)
    )
    yield sql.SQL("ALTER ROLE {} LOGIN NOCREATEDB " + plain + " PASSWORD {}").format(
        sql.Identifier(APP), sql.Literal(app_password)
    )
    yield sql.SQL("ALTER ROLE {} NOLOGIN NOCREATEDB " + plain).format(sql.Identifier(SYSTEM))
    yield sql.SQL("GRANT {} TO {} WITH INHERIT FALSE, SET TRUE, ADMIN FALSE").format(
        sql.Identifier(SYSTEM), sql.Identifier(APP)
    )
    # chimera_eventlog_blockers() (as owner) says for how long a stranger's transaction has held the log back.
    yield sql.SQL("GRANT pg_read_all_stats TO {}").format(sql.Identifier(OWNER))
    for role, timeouts in TIMEOUTS.items():
        for name, value in timeouts.items():
            yield sql.SQL("ALTER ROLE {} SET {} = {}").format(
                sql.Identifier(role), sql.Identifier(name), sql.Literal(value)
            )


def _create_database(database: str) -> sql.Composed:
    return sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8'").format(
        sql.Identifier(database), sql.Identifier(OWNER)
    )


def _database(database: str) -> Iterator[Statement]:
    name = sql.Identifier(database)
    yield sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name, sql.Identifier(OWNER))
    yield sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name)
    yield sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, sql.Identifier(APP))


def _inside() -> Iterator[Statement]:
    owner, app, system = sql.Identifier(OWNER), sql.Identifier(APP), sql.Identifier(SYSTEM)
    both = sql.SQL("{}, {}").format(app, system)
    for extension in EXTENSIONS:
        yield sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension))
    yield sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    yield sql.SQL("GRANT USAGE, CREATE ON SCHEMA public TO {}").format(owner)
    yield sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(both)
    yield sql.SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}").format(sql.Identifier(PARTS), owner)
    yield sql.SQL("REVOKE ALL ON SCHEMA {} FROM PUBLIC, {}").format(sql.Identifier(PARTS), both)
    for grant in ("SELECT, INSERT, UPDATE, DELETE ON TABLES", "USAGE ON SEQUENCES", "EXECUTE ON FUNCTIONS"):
        yield sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA public GRANT " + grant + " TO {}").format(
            owner, both
        )
    # PostgreSQL lets PUBLIC call every function; a SECURITY DEFINER one must be for those it names.
    yield sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC").format(owner)
