"""The console's pages of the swarm."""

from swarm.admin import (  # noqa: F401  (each registers)
    agents,
    campaigns,
    dead_letters,
    events,
    limits,
    locks,
    people,
    schedules,
    sessions,
    stops,
    tasks,
    tokens,
)
