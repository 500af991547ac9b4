"""People's sessions, in PostgreSQL. They end SESSION_COOKIE_AGE after the login, and after SESSION_IDLE without a request.

The row's expiry is moved on at most once a minute, so a page that only reads writes nothing but this. A socket that is held open
is no request: whoever only watches may go on watching, and is asked for the password again for the next click.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.sessions.backends import db

from chimera.kernel import clock

STARTED = "chimera_started"  # seconds since the epoch
TOUCHED_EVERY = timedelta(minutes=1)
ENDED_KEPT = timedelta(days=1)


class SessionStore(db.SessionStore):
    idle_counts = True

    def load(self) -> dict[str, Any]:
        row = self._get_session_from_db()  # type: ignore[attr-defined]
        if row is None:
            return {}
        content: dict[str, Any] = self.decode(row.session_data)
        ends = _ends(content)
        if ends is None or ends <= clock.now() or (self.idle_counts and row.expire_date <= clock.now()):
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


class Watching(SessionStore):
    """The same for a socket that was opened with it: not ended by idleness, but by logging out and by its age."""

    idle_counts = False
    key_salt = "django.contrib.sessions.SessionStore"  # what the other signs with, which goes by the name of its class

    def _get_session_from_db(self) -> Any:
        return self.model.objects.filter(session_key=self.session_key).first()


def started(session: Any) -> datetime | None:
    """When its login was; None for what was never saved."""
    seconds = session.get(STARTED)
    return datetime.fromtimestamp(seconds, tz=UTC) if isinstance(seconds, int | float) else None


def sweep() -> None:
    """Delete what ended by idleness a day ago or more: nothing opens it again, whatever a socket of then still shows."""
    SessionStore.get_model_class().objects.filter(expire_date__lt=clock.now() - ENDED_KEPT).delete()


def _ends(content: dict[str, Any]) -> datetime | None:
    begun = started(content)
    return begun + timedelta(seconds=settings.SESSION_COOKIE_AGE) if begun else None


def _expiry(ends: datetime) -> datetime:
    return min(ends, clock.now() + settings.SESSION_IDLE)
