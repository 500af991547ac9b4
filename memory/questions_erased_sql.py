"""Frozen questions: which of them an erasure blanks, beside the copies of what is gone.

A question goes

* where it was asked in the erased session, by the erased agent, or in the erased tenant;
* where it names whom the erasure is about, as whole words, whatever their capitals: the subject, or the person by `person:number`, user
  name, e-mail address, last name or full name, as their membership of this tenant has it;
* where it found an erased memory, and has a word of it (a stem of PostgreSQL's `english`).

A question that does none of these stays: nobody can tell what it meant.

The copies tell which words were erased, so questions are looked at before the copies of the same page are blank, in one transaction. Who
died between two pages finds the page as it was, or both blank.
"""

from memory.erasing_sql import ERASING_SQL

QUESTIONS_ERASED_SQL = r"""
CREATE FUNCTION chimera_erased_names(open memory_memoryerasure) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT array_agg('(^|[^[:alnum:]_])' || regexp_replace(normalize(trim(said)), '([^[:alnum:][:space:]])', '\\\1', 'g')
        || '($|[^[:alnum:]_])')
    FROM (
        SELECT open.whose AS said WHERE open.scope IN ('agent', 'session', 'subject')
        UNION SELECT 'person:' || open.whose WHERE open.scope = 'person'
        UNION SELECT unnest(ARRAY[u.username, u.email, u.last_name, u.first_name || ' ' || u.last_name])
        FROM auth_user u JOIN swarm_membership m ON m.user_id = u.id
        WHERE open.scope = 'person' AND u.id::text = open.whose AND m.tenant_id = open.tenant_id
    ) names WHERE length(trim(said)) > 1
$$;
CREATE OR REPLACE FUNCTION chimera_erase_frozen(
    erasure uuid, walked_to uuid, most int, OUT last uuid, OUT frozen int, OUT asked int
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    mine uuid := NULLIF(current_setting('chimera.tenant', true), '')::uuid;
    open memory_memoryerasure;
    names text[];
    page uuid[];
BEGIN
    SELECT * INTO open FROM memory_memoryerasure e WHERE e.id = erasure AND e.tenant_id = mine AND e.status = 'requested';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no erasure of this tenant is under way' USING ERRCODE = 'insufficient_privilege';
    END IF;
    names := chimera_erased_names(open);
    SELECT array_agg(id ORDER BY id) INTO page FROM (
        SELECT c.id FROM memory_memorycheck c
        WHERE c.tenant_id = mine AND (walked_to IS NULL OR c.id > walked_to) ORDER BY c.id LIMIT most
    ) next;
    last := page[cardinality(page)];
    UPDATE memory_memorycheck c SET query = '[erased]'
    WHERE c.id = ANY(page) AND c.query NOT IN ('', '[erased]') AND (
        open.scope = 'tenant'
        OR open.scope = 'agent' AND c.agent_id::text = open.whose
        OR open.scope = 'session' AND EXISTS (
            SELECT 1 FROM swarm_task t WHERE t.id = c.task_id AND t.tenant_id = mine AND t.session_id::text = open.whose
        )
        OR EXISTS (SELECT 1 FROM unnest(names) AS name WHERE normalize(c.query) ~* name)
        OR EXISTS (
            SELECT 1 FROM jsonb_array_elements(c.memories) m
            WHERE NOT m ? 'erased' AND NOT EXISTS (SELECT 1 FROM memory_memoryrecord r WHERE r.id = (m->>'id')::uuid)
                AND tsvector_to_array(to_tsvector('english', m->>'content')) && tsvector_to_array(to_tsvector('english', c.query))
        )
    );
    GET DIAGNOSTICS asked = ROW_COUNT;
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
END $$;
REVOKE ALL ON FUNCTION chimera_erased_names(memory_memoryerasure) FROM PUBLIC;
"""
_BEFORE = ERASING_SQL.partition("CREATE FUNCTION chimera_erase_reasons")[0].replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)
QUESTIONS_ERASED_REVERSE_SQL = _BEFORE + "DROP FUNCTION chimera_erased_names(memory_memoryerasure);"
