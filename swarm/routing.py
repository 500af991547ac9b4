"""Sockets and who answers them."""

from django.urls import path, re_path

from swarm.consumers.agents import AgentConsumer
from swarm.consumers.sessions import Nowhere, SessionConsumer

websocket_urlpatterns = [
    path("ws/sessions/<uuid:session_id>/", SessionConsumer.as_asgi()),
    path("ws/agents/", AgentConsumer.as_asgi()),
    re_path(r"", Nowhere.as_asgi()),
]
