"""The swarm's HTTP doors, by resource."""
