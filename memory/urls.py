"""The memory part of /api/v1/."""

from django.urls import path

from memory.api.batch import MemoryBatch
from memory.api.contexts import PersonaContext
from memory.api.erasures import Erasure, Erasures
from memory.api.memories import Memories, Memory, MemoryForget, MemorySupersede
from memory.api.personas import Persona, PersonaRetire, Personas, PersonaVersion, PersonaVersions
from memory.api.policy import Policy, PolicyPreview
from memory.api.searches import MemorySearch

urlpatterns = [
    path("memories", Memories.as_view()),
    path("memories/batch", MemoryBatch.as_view()),
    path("memories/search", MemorySearch.as_view()),
    path("memories/policy", Policy.as_view()),
    path("memories/policy/preview", PolicyPreview.as_view()),
    path("memories/erasures", Erasures.as_view()),
    path("memories/erasures/<uuid:erasure_id>", Erasure.as_view()),
    path("memories/<uuid:memory_id>", Memory.as_view()),
    path("memories/<uuid:memory_id>/supersede", MemorySupersede.as_view()),
    path("memories/<uuid:memory_id>/forget", MemoryForget.as_view()),
    path("personas", Personas.as_view()),
    path("personas/<slug:persona_id>", Persona.as_view()),
    path("personas/<slug:persona_id>/versions", PersonaVersions.as_view()),
    path("personas/<slug:persona_id>/versions/<slug:number>", PersonaVersion.as_view()),
    path("personas/<slug:persona_id>/context", PersonaContext.as_view()),
    path("personas/<slug:persona_id>/retire", PersonaRetire.as_view()),
]
