"""HTTP shapes of the swarm (/api/docs/). Requests are strict; responses add fields, and never rename one."""
