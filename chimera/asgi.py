"""The web process: `daphne chimera.asgi:application`. Quick ways and static files in front, then Django; sockets beside it."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter  # type: ignore[import-untyped]
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chimera.settings")
django_application = get_asgi_application()

from chimera.kernel import serving  # noqa: E402  (needs a Django that is set up)
from chimera.kernel.http import frugal, wire  # noqa: E402
from chimera.kernel.http.quick import QuickInFront  # noqa: E402
from chimera.kernel.http.static import StaticInFront  # noqa: E402
from commerce.api import quick as money  # noqa: E402
from memory import embedders, stores  # noqa: E402
from memory.api import searches  # noqa: E402
from swarm.api import quick as work  # noqa: E402
from swarm.routing import websocket_urlpatterns  # noqa: E402

AT_EASE_SECONDS = 1  # after its start a web process answers, and has a processor to spare

serving.wait_and_refuse_unsafe_login()
wire.install()
frugal.install()
stores.load()
embedders.offline().load_soon(AT_EASE_SECONDS)  # whoever is first to search, or to finish a task, does not wait for it
WAYS = [*work.WAYS, *money.WAYS, *searches.WAYS]
application = ProtocolTypeRouter(
    {
        "http": QuickInFront(StaticInFront(django_application), WAYS),
        "websocket": URLRouter(websocket_urlpatterns),
    }
)
