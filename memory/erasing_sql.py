"""What is written once, and an erasure reaches nevertheless: frozen copies of memories, and the reasons why some were forgotten.

Whoever serves may change neither table. These functions run as their owner, for the bound tenant, and only while an erasure of its own is
under way; they blank texts and nothing else.
"""

ERASING_SQL = """
CREATE FUNCTION chimera_erase_frozen(erasure uuid, walked_to uuid, most int, OUT last uuid, OUT frozen int, OUT asked int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    mine uuid := NULLIF(current_setting('chimera.tenant', true), '')::uuid;
    open memory_memoryerasure;
    page uuid[];
BEGIN
    SELECT * INTO open FROM memory_memoryerasure e WHERE e.id = erasure AND e.tenant_id = mine AND e.status = 'requested';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no erasure of this tenant is under way' USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT array_agg(id ORDER BY id) INTO page FROM (
        SELECT c.id FROM memory_memorycheck c
        WHERE c.tenant_id = mine AND (walked_to IS NULL OR c.id > walked_to) ORDER BY c.id LIMIT most
    ) next;
    last := page[cardinality(page)];
    WITH gone AS (
        SELECT DISTINCT c.id AS check_id, (m->>'id')::uuid AS memory_id
        FROM memory_memorycheck c, jsonb_array_elements(c.memories) m
        WHERE c.id = ANY(page) AND NOT m ? 'erased'
            AND NOT EXISTS (SELECT 1 FROM memory_memoryrecord r WHERE r.id = (m->>'id')::uuid)
    ), blank AS (
        UPDATE memory_memorycheck c SET memories = (
            SELECT jsonb_agg(CASE WHEN EXISTS (
                SELECT 1 FROM gone g WHERE g.check_id = c.id AND g.memory_id = (m->>'id')::uuid
            ) THEN m || '{"content": "[erased]", "source": {}, "erased": true}' ELSE m END ORDER BY n)
            FROM jsonb_array_elements(c.memories) WITH ORDINALITY AS each(m, n)
        ) WHERE c.id IN (SELECT check_id FROM gone)
    ) SELECT count(*) INTO frozen FROM gone;
    UPDATE memory_memorycheck c SET query = '[erased]'
    WHERE c.id = ANY(page) AND c.query <> '[erased]' AND (
        open.scope = 'tenant'
        OR open.scope = 'agent' AND c.agent_id::text = open.whose
        OR open.scope = 'session' AND EXISTS (
            SELECT 1 FROM swarm_task t WHERE t.id = c.task_id AND t.tenant_id = mine AND t.session_id::text = open.whose
        )
    );
    GET DIAGNOSTICS asked = ROW_COUNT;
END $$;
CREATE FUNCTION chimera_erase_reasons(erasure uuid, ids uuid[]) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    mine uuid := NULLIF(current_setting('chimera.tenant', true), '')::uuid;
    blank int;
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM memory_memoryerasure e WHERE e.id = erasure AND e.tenant_id = mine AND e.status = 'requested'
    ) THEN
        RAISE EXCEPTION 'no erasure of this tenant is under way' USING ERRCODE = 'insufficient_privilege';
    END IF;
    UPDATE kernel_event SET payload = payload || '{"reason": "[erased]"}'
    WHERE tenant_id = mine AND aggregate_id = ANY(ids) AND type = 'memory.memory.forgotten.v1' AND payload->>'reason' <> '[erased]';
    GET DIAGNOSTICS blank = ROW_COUNT;
    RETURN blank;
END $$;
CREATE FUNCTION chimera_keep_receipt() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'a receipt stands' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER keep_receipt BEFORE UPDATE ON memory_memoryerasure
    FOR EACH ROW WHEN (OLD.status = 'confirmed') EXECUTE FUNCTION chimera_keep_receipt();
REVOKE ALL ON FUNCTION chimera_erase_frozen(uuid, uuid, int), chimera_erase_reasons(uuid, uuid[]), chimera_keep_receipt()
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chimera_erase_frozen(uuid, uuid, int), chimera_erase_reasons(uuid, uuid[]) TO chimera_app;
REVOKE DELETE ON memory_memoryerasure FROM chimera_app, chimera_system;
"""
ERASING_REVERSE_SQL = """
DROP TRIGGER keep_receipt ON memory_memoryerasure;
DROP FUNCTION chimera_keep_receipt();
DROP FUNCTION chimera_erase_reasons(uuid, uuid[]);
DROP FUNCTION chimera_erase_frozen(uuid, uuid, int);
"""
