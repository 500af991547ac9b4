"""Vectors in a table of their own.

In line: a search measures some hundred of them, and one that PostgreSQL keeps beside the table, as it does with all that makes a row longer
than 2 kB, is looked up in an index, in two pieces, and put together. So these rows are kept whole, two to a page.

Sketches: the signs of a vector's numbers, 1536 bits, which lie in an index by tenant and model. A tenant's sketches are read from that
index alone, 35 to a page, and compared bit by bit, at a quarter of a microsecond each. So the nearest are sought among the sketches of all
memories of a tenant, and the best few hundred compared as they are (memory.stores.postgres). No model's field: nobody but PostgreSQL
reads it.

A vector is of the model that its memory names, when the transaction ends: as the owner sees it, whichever tenant that is bound to by then.
It stays with its memory.
"""

VECTORS_SQL = """
ALTER TABLE memory_memoryvector SET (toast_tuple_target = 8160);
ALTER TABLE memory_memoryvector ADD COLUMN sketch bit(1536) GENERATED ALWAYS AS (binary_quantize(embedding)::bit(1536)) STORED;
INSERT INTO memory_memoryvector (memory_id, tenant_id, model, embedding)
    SELECT id, tenant_id, embedding_model, embedding FROM memory_memoryrecord WHERE embedding IS NOT NULL ORDER BY tenant_id, id;
SET CONSTRAINTS ALL IMMEDIATE;
CREATE INDEX memory_sketches ON memory_memoryvector (tenant_id, model) INCLUDE (memory_id, sketch);
CREATE FUNCTION chimera_check_vector() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    memory uuid;
BEGIN
    IF TG_TABLE_NAME = 'memory_memoryrecord' THEN
        memory := NEW.id;
    ELSIF TG_OP = 'DELETE' THEN
        memory := OLD.memory_id;
    ELSE
        memory := NEW.memory_id;
        IF TG_OP = 'UPDATE' AND OLD.memory_id <> memory THEN
            RAISE EXCEPTION 'a vector stays with its memory'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'memory_vector_of_its_model';
        END IF;
    END IF;
    IF EXISTS (
        SELECT FROM memory_memoryrecord r LEFT JOIN memory_memoryvector v ON v.memory_id = r.id
        WHERE r.id = memory AND r.embedding_model <> coalesce(v.model, '')
    ) THEN
        RAISE EXCEPTION 'memory % is said to have a vector of another model than it has', memory
            USING ERRCODE = 'check_violation', CONSTRAINT = 'memory_vector_of_its_model';
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION chimera_check_vector() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER memory_vector_of_its_model AFTER INSERT OR UPDATE OR DELETE ON memory_memoryvector
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chimera_check_vector();
CREATE CONSTRAINT TRIGGER memory_vector_of_its_model AFTER INSERT OR UPDATE OF embedding_model ON memory_memoryrecord
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chimera_check_vector();
"""
VECTORS_REVERSE_SQL = """
UPDATE memory_memoryrecord r SET embedding = v.embedding FROM memory_memoryvector v WHERE v.memory_id = r.id;
SET CONSTRAINTS ALL IMMEDIATE;
DROP TRIGGER memory_vector_of_its_model ON memory_memoryrecord;
DROP TRIGGER memory_vector_of_its_model ON memory_memoryvector;
DROP FUNCTION chimera_check_vector();
DROP INDEX memory_sketches;
"""
