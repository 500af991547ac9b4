"""A small swarm: planner, worker and judge, each a process of its own that knows only the SDK (sdk/).

Nothing here imports Django or Chimera. Without a model endpoint the agents are extractive: they choose and arrange
sentences of their sources by meaning, and say so in every result.
"""

import os
import sys
from pathlib import Path

# Before NumPy is imported: its threads wait by spinning, and several processes on few cores slow each other twentyfold.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# The SDK lies beside us; elsewhere it is installed (`pip install ./sdk`).
if (_sdk := Path(__file__).parents[2] / "sdk" / "src").is_dir():
    sys.path.insert(0, str(_sdk))
