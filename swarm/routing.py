"""Sockets and who answers them."""

from django.urls import path, re_path

from swarm.consumers import Nowhere, SessionConsumer

websocket_urlpatterns = [
    path("ws/sessions/<uuid:session_id>/", SessionConsumer.as_asgi()),
    re_path(r"", Nowhere.as_asgi()),
]
