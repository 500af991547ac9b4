"""Sketches: the signs of a vector's numbers, 1536 bits, which lie in an index by tenant and model.

A tenant's sketches are read from that index alone, 35 to a page, and compared bit by bit, at a quarter of a microsecond each; the whole
vectors lie in TOAST, and cost fifteen times as much to read and compare. So the nearest are sought among the sketches of all memories of a
tenant, and the best few hundred compared as they are (memory.stores.postgres). No model's field: nobody but PostgreSQL reads it.

So they lay from migration 0010 to 0018; since then memory.vectors_sql.
"""

SKETCH_SQL = """
ALTER TABLE memory_memoryrecord
    ADD COLUMN sketch bit(1536) GENERATED ALWAYS AS (binary_quantize(embedding)::bit(1536)) STORED;
CREATE INDEX memory_sketches ON memory_memoryrecord (tenant_id, embedding_model) INCLUDE (id, sketch)
    WHERE forgotten_at IS NULL AND embedding IS NOT NULL;
"""
SKETCH_REVERSE_SQL = """
DROP INDEX memory_sketches;
ALTER TABLE memory_memoryrecord DROP COLUMN sketch;
"""
