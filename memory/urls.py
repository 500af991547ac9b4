"""The memory part of /api/v1/."""

from django.urls import path

from memory.api.batch import MemoryBatch
from memory.api.memories import Memories, Memory, MemoryForget, MemorySearch, MemorySupersede
from memory.api.policy import Policy

urlpatterns = [
    path("memories", Memories.as_view()),
    path("memories/batch", MemoryBatch.as_view()),
    path("memories/search", MemorySearch.as_view()),
    path("memories/policy", Policy.as_view()),
    path("memories/<uuid:memory_id>", Memory.as_view()),
    path("memories/<uuid:memory_id>/supersede", MemorySupersede.as_view()),
    path("memories/<uuid:memory_id>/forget", MemoryForget.as_view()),
]
