"""Real servers, with their data in one folder: the development mode, and the tests' ground.

Works without Django. A server belongs to the process that started it and ends with it, also when that process
is killed (on Linux; elsewhere the next start ends what was left behind).
"""

from chimera.kernel.embedded.postgres import Postgres, Urls
from chimera.kernel.embedded.process import AlreadyRunning, Process, ServerFailed
from chimera.kernel.embedded.redis import Redis
from chimera.kernel.embedded.weaviate import Weaviate

__all__ = ["AlreadyRunning", "Postgres", "Process", "Redis", "ServerFailed", "Urls", "Weaviate"]
