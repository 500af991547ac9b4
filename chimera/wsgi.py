"""WSGI entry: the API and the admin without sockets and without long polls; serve chimera.asgi instead where you can."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chimera.settings")
application = get_wsgi_application()

from chimera.kernel import serving  # noqa: E402  (needs a Django that is set up)

serving.wait_and_refuse_unsafe_login()
