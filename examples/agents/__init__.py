"""A small swarm: planner, worker and judge, each a process of its own that knows only Chimera's HTTP API.

Nothing here imports Django or Chimera. Without a model endpoint the agents are extractive: they choose and arrange
sentences of their sources by meaning, and say so in every result.
"""

import os

# Before NumPy is imported: its threads wait by spinning, and several processes on few cores slow each other twentyfold.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
