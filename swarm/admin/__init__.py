"""The console's pages of the swarm."""

from swarm.admin import agents, campaigns, dead_letters, events, locks, people, sessions, tasks  # noqa: F401  (each registers)
