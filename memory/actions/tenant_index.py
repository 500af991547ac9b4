"""One tenant's part of the index, written anew from PostgreSQL. Its searches are answered by PostgreSQL meanwhile.

List and index change under one lock, so that nobody writes from the list before the old part is gone. If the process dies

* before the index is told, or it is away: nothing has changed;
* after that: the index does not know the tenant, its searches say so, and its next change brings all of it back (indexing);
* after the commit: the lane writes what is on the list.
"""

from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef

from chimera.kernel import tenancy
from memory.actions.indexing import writing
from memory.models import Generation, MemoryRecord, Unindexed
from memory.stores.weaviate import collections

_NOTE = """
    INSERT INTO memory_unindexed (tenant_id, memory_id)
    SELECT tenant_id, id FROM memory_memoryrecord WHERE tenant_id = %s AND forgotten_at IS NULL
"""


def begin_anew(tenant_id: UUID) -> int:
    """Put all its memories on the list, what was refused among them, and drop what the index has; answers how many.

    What is gone stays on the list: an erasure waits for the index to hear of it.
    """
    there = Exists(MemoryRecord.objects.kept().filter(pk=OuterRef("memory_id")))
    with writing():
        Unindexed.objects.filter(there, tenant_id=tenant_id).delete()
        with connection.cursor() as cursor:
            cursor.execute(_NOTE, [tenant_id])
            noted = cursor.rowcount
        for generation in Generation.objects.all():
            collections.drop_tenant(generation.collection, str(tenant_id))
    return int(noted)


def left(tenant_id: UUID) -> int:
    with tenancy.system():
        return Unindexed.objects.filter(tenant_id=tenant_id, due_at__isnull=True).count()
