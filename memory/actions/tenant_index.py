"""One tenant's part of the index, written anew from PostgreSQL. Its searches are answered by PostgreSQL meanwhile.

If the process dies after the list is committed, the lane writes what is on it; what the index has too much stays until
the command is run again, and is found by nobody.
"""

from uuid import UUID

from django.db import connection

from chimera.kernel import tenancy
from memory.actions.indexing import writing
from memory.models import Generation, Unindexed
from memory.stores.weaviate import collections

_NOTE = """
    INSERT INTO memory_unindexed (tenant_id, memory_id)
    SELECT tenant_id, id FROM memory_memoryrecord WHERE tenant_id = %s AND forgotten_at IS NULL
"""


def begin_anew(tenant_id: UUID) -> int:
    """Put all its memories on the list, what was refused among them, and drop what the index has; answers how many."""
    with tenancy.system():
        Unindexed.objects.filter(tenant_id=tenant_id).delete()
        with connection.cursor() as cursor:
            cursor.execute(_NOTE, [tenant_id])
            noted = cursor.rowcount
    with writing():
        for generation in Generation.objects.all():
            collections.drop_tenant(generation.collection, str(tenant_id))
    return int(noted)


def left(tenant_id: UUID) -> int:
    with tenancy.system():
        return Unindexed.objects.filter(tenant_id=tenant_id, due_at__isnull=True).count()
