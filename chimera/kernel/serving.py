"""Before anything is served: does this login leave row-level security in force? (docs/adr/0033)

A superuser, an owner or a role with BYPASSRLS sees every tenant's rows, and everything would seem to work.
"""

import time

import psycopg
import structlog
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection

from chimera.kernel import roles

log = structlog.get_logger()
PATIENCE_SECONDS = 30.0  # for a server that starts beside us
PAUSE_SECONDS = 0.5
WAY_OUT = "Log in as a role that owns nothing (`manage.py doctor --sql` makes it), and migrate by DATABASE_OWNER_URL."

_ASKED = """
SELECT session_user::text, r.rolsuper, r.rolbypassrls,
       EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname IN ('public', %(parts)s) AND c.relkind IN ('r', 'p')
               AND pg_has_role(session_user, c.relowner, 'MEMBER')),
       EXISTS (SELECT FROM pg_roles s WHERE s.rolname = %(system)s AND pg_has_role(session_user, s.oid, 'USAGE'))
FROM pg_roles r WHERE r.rolname = session_user
"""


class UnsafeLogin(ImproperlyConfigured):
    """Row-level security does not bind the role of DATABASE_URL."""


def refuse_unsafe_login() -> None:
    """Raises UnsafeLogin, or OperationalError when the server cannot be asked."""
    if not connection.settings_dict["NAME"]:
        raise ImproperlyConfigured("DATABASE_URL is not set; run `make up`, or set it to your own server.")
    params = connection.get_connection_params() | {"connect_timeout": 3}
    try:
        with psycopg.connect(**params) as direct:
            row = direct.execute(_ASKED, {"parts": roles.PARTS, "system": roles.SYSTEM}).fetchone()
    except psycopg.OperationalError as error:
        raise OperationalError(str(error)) from error
    assert row is not None
    login, is_super, bypasses, owns, inherits = row
    faults = {
        "is a superuser": is_super,
        "has BYPASSRLS": bypasses,
        "owns tables, or may act as their owner": owns,
        f"inherits {roles.SYSTEM}": inherits,
    }
    found = [fault for fault, there in faults.items() if there]
    if found:
        raise UnsafeLogin(
            f"DATABASE_URL: the role {login} {', and '.join(found)}; tenants would not be kept apart. {WAY_OUT}"
        )


def wait_and_refuse_unsafe_login() -> None:
    """The same for a process that may be up before its database; raises OperationalError after PATIENCE_SECONDS."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            refuse_unsafe_login()
            return
        except OperationalError as error:
            if time.monotonic() > deadline:
                raise
            log.warning("database_away", error=str(error).strip())
            time.sleep(PAUSE_SECONDS)
