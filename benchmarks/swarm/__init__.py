"""Chimera beside other queues, with the same no-op job, on the same machine, in the same run (`make bench-swarm`)."""
