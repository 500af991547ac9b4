from django.urls import path

from memory import api

urlpatterns = [
    path("memories", api.Memories.as_view()),
    path("memories/search", api.MemorySearch.as_view()),
    path("memories/<uuid:memory_id>", api.Memory.as_view()),
    path("memories/<uuid:memory_id>/supersede", api.MemorySupersede.as_view()),
    path("memories/<uuid:memory_id>/forget", api.MemoryForget.as_view()),
]
