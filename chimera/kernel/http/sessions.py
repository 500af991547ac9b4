"""People's sessions, in PostgreSQL. They end SESSION_COOKIE_AGE after the login, and after SESSION_IDLE without a request.

The row's expiry is moved on at most once a minute, so a page that only reads writes nothing but this. A socket that is held open
is no request: whoever only watches is asked for the password again, once the page is left.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.sessions.backends import db

from chimera.kernel import clock

STARTED = "chimera_started"  # seconds since the epoch
TOUCHED_EVERY = timedelta(minutes=1)


class SessionStore(db.SessionStore):
    def load(self) -> dict[str, Any]:
        row = self._get_session_from_db()  # type: ignore[attr-defined]
        if row is None:
            return {}
        content: dict[str, Any] = self.decode(row.session_data)
        ends = _ends(content)
        if ends is None or min(ends, row.expire_date) <= clock.now():
            self._session_key = None
            return {}
        if _expiry(ends) - row.expire_date >= TOUCHED_EVERY:
            self.modified = True  # saved with the answer
        return content

    def cycle_key(self) -> None:
        """A login begins a session anew."""
        self.pop(STARTED, None)
        super().cycle_key()

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        data.setdefault(STARTED, clock.now().timestamp())
        row = super().create_model_instance(data)
        row.expire_date = _expiry(_ends(data) or clock.now())
        return row

    async def aload(self) -> dict[str, Any]:
        return await sync_to_async(self.load)()

    async def acycle_key(self) -> None:
        await sync_to_async(self.cycle_key)()

    async def acreate_model_instance(self, data: dict[str, Any]) -> Any:
        return await sync_to_async(self.create_model_instance)(data)


def started(session: Any) -> datetime | None:
    """When its login was; None for what was never saved."""
    seconds = session.get(STARTED)
    return datetime.fromtimestamp(seconds, tz=UTC) if isinstance(seconds, int | float) else None


def _ends(content: dict[str, Any]) -> datetime | None:
    begun = started(content)
    return begun + timedelta(seconds=settings.SESSION_COOKIE_AGE) if begun else None


def _expiry(ends: datetime) -> datetime:
    return min(ends, clock.now() + settings.SESSION_IDLE)
