"""`python -m chimera.kernel.embedded COMMAND…`: run a command on empty servers of its own, which end with it.

The command finds them by DATABASE_URL, DATABASE_OWNER_URL and REDIS_URL, and no Weaviate; its status is ours. `python` means
this one.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from chimera.kernel.embedded import Postgres, Redis


def main(command: list[str]) -> int:
    if not command:
        sys.exit(__doc__)
    home = Path(tempfile.mkdtemp(prefix="chimera-run-"))
    postgres, redis = Postgres(home, durable=False), Redis(home, durable=False)
    try:
        urls = postgres.start()
        own = {
            "CHIMERA_HOME": str(home),
            "DATABASE_URL": urls.app,
            "DATABASE_OWNER_URL": urls.owner,
            "REDIS_URL": redis.start(),
            "WEAVIATE_URL": "",
            "WEAVIATE_GRPC_URL": "",
            "WEAVIATE_API_KEY": "",
        }
        words = [sys.executable if word == "python" else word for word in command]
        return subprocess.run(words, env=os.environ | own).returncode
    finally:
        redis.stop()
        postgres.stop()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
