"""What a memory means, in numbers."""

from django.db import models
from django.db.models import Q
from pgvector.django import HalfVectorField, HnswIndex

from chimera.kernel.tenancy import TenantOwned
from memory.limits import DIMENSIONS
from memory.models.record import MemoryRecord


class MemoryVector(TenantOwned):
    """Apart from the memory, which is read without it and changes without it: a repeat writes no vector into its index anew.

    `model` is the memory's `embedding_model`, at the end of each transaction (memory.vectors_sql). A forgotten memory has none.
    """

    memory = models.OneToOneField(MemoryRecord, on_delete=models.CASCADE, primary_key=True, related_name="vector")
    model = models.CharField(max_length=100)
    embedding = HalfVectorField(dimensions=DIMENSIONS)

    class Meta:
        verbose_name = "vector"
        constraints = [models.CheckConstraint(name="memory_vector_of_a_model", condition=~Q(model=""))]
        indexes = [
            HnswIndex(
                name="memory_nearest",
                fields=["embedding"],
                m=16,
                ef_construction=200,
                opclasses=["halfvec_cosine_ops"],
            ),
        ]

    def __str__(self) -> str:
        return f"by {self.model}"
