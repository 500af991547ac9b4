"""What may be found, for statements that are kept: the rule of MemoryQuerySet.sought as SQL, with a place for each property."""

from typing import Any

from memory.queries import Sought


def permitted(row: str) -> str:
    """A condition on a row of this name. What is not asked for is NULL."""
    return _PERMITTED.replace("r.", f"{row}.")


_PERMITTED = """
    r.forgotten_at IS NULL
    AND (
        r.visibility = 'tenant'
        OR (r.visibility = 'session' AND (%(any_session)s::boolean OR r.session_id = ANY(%(sessions)s::uuid[])))
        OR (r.visibility = 'agent' AND %(any_agent)s::boolean)
        OR r.agent_id = %(viewer)s::uuid
    )
    AND (r.superseded_at IS NULL OR r.superseded_at > %(at)s::timestamptz)
    AND (r.valid_from IS NULL OR r.valid_from <= %(at)s::timestamptz)
    AND (r.valid_until IS NULL OR r.valid_until > %(at)s::timestamptz)
    AND (%(category)s::text IS NULL OR r.category = %(category)s::text)
    AND (%(session)s::uuid IS NULL OR r.session_id = %(session)s::uuid)
    AND (%(agent_role)s::text IS NULL OR r.agent_role = %(agent_role)s::text)
    AND (%(persona)s::text IS NULL OR r.persona = %(persona)s::text)
    AND (%(of_persona)s::text IS NULL OR r.persona IN ('', %(of_persona)s::text))
    AND (%(agent)s::uuid IS NULL OR r.agent_id = %(agent)s::uuid)
    AND (%(since)s::timestamptz IS NULL OR r.created_at >= %(since)s::timestamptz)
    AND (%(until)s::timestamptz IS NULL OR r.created_at < %(until)s::timestamptz)
"""


def asked(sought: Sought) -> dict[str, Any]:
    """What stands in the places of `permitted`; as text what may be missing, so that with and without it they are one statement."""
    viewer = sought.viewer
    said = {
        "viewer": viewer.agent_id,
        "category": sought.category,
        "session": sought.session_id,
        "agent_role": sought.agent_role,
        "persona": sought.persona,
        "of_persona": sought.of_persona,
        "agent": sought.agent_id,
        "since": sought.since,
        "until": sought.until,
    }
    return {name: None if value is None else str(value) for name, value in said.items()} | {
        "any_session": viewer.any_session,
        "any_agent": viewer.any_agent,
        "sessions": list(viewer.sessions),
        "at": sought.at,
    }
