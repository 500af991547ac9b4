"""The word index, asked as the owner of the table.

Under row-level security an index condition must be leakproof, and `tsvector @@ tsquery` is not: the application role
would read every memory of its tenant instead (20 000 of them: 15 ms, and growing). This function crosses no tenant: it
sees rows of the bound one alone, and without one none.
"""

WORDS_SQL = """
CREATE FUNCTION chimera_memories_with(sought tsquery, most int) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT id FROM memory_memoryrecord
    WHERE tenant_id = NULLIF(current_setting('chimera.tenant', true), '')::uuid
        AND words @@ sought AND forgotten_at IS NULL
    ORDER BY ts_rank(words, sought) DESC, id DESC
    LIMIT most
$$;
"""
WORDS_REVERSE_SQL = "DROP FUNCTION chimera_memories_with(tsquery, int);"
