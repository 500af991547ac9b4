"""Which memories have the words that weigh most.

A word weighs as in BM25 (Robertson and Zaragoza, 2009, 3.2, the variant that is never negative): ln(1 + (N - n + 0.5) / (n + 0.5)), where n
of N memories have it; N is `among`, which may be some seconds old, or what one of the words has where that is more. The memories of each
word are listed, and ranked by the sum of what their words weigh; the newer ones first among equals. A word is common that `common_from`
memories have or more: those are counted no further, and of them only those are listed that have a rarer word too. Where all common words
together weigh more than the last of the ranked ones, or those are fewer than `most`, a memory with common words alone might stand among the
best: then what has most words by `ts_rank` is proposed beside them, place by place. That reads every memory with any of the words.

Asked as the owner of the table: under row-level security an index condition must be leakproof, and none of these is; the application role
would read every memory of its tenant. It crosses no tenant: it sees rows of the bound one alone, and without one none. `OFFSET 0` keeps the
planner from looking for the tenant's memories in another index as well. Limits stand outside of it: another tenant's words with the same
key (memory.word_keys_sql) use none of them up.
"""

from memory.rare_words_sql import RARE_WORDS_SQL
from memory.words_sql import WORDS_SQL

_KEYS = "chimera_word_keys(tenant_id, tsvector_to_array(words))"

WEIGHED_WORDS_SQL = f"""
DROP FUNCTION chimera_memories_with(tsquery, tsquery[], int);
CREATE FUNCTION chimera_memories_with(sought tsquery, each_word text[], among int, most int, common_from int) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off AS $$
DECLARE
    tenant uuid := NULLIF(current_setting('chimera.tenant', true), '');
    keys bigint[] := chimera_word_keys(tenant, each_word);
    best uuid[];
    least float8;
    in_common float8;
BEGIN
    WITH listed AS MATERIALIZED (
        SELECT key, ARRAY(
            SELECT having_it.id FROM (
                SELECT id, tenant_id FROM memory_memoryrecord
                WHERE {_KEYS} && ARRAY[key] AND forgotten_at IS NULL OFFSET 0
            ) having_it WHERE having_it.tenant_id = tenant LIMIT common_from
        ) AS ids
        FROM unnest(keys) key
    ), weighed AS MATERIALIZED (
        SELECT key, ids, n >= common_from AS is_common, ln(1 + (greatest(among, most_n) - n + 0.5) / (n + 0.5)) AS weight
        FROM (
            SELECT key, ids, cardinality(ids)::float8 AS n, max(cardinality(ids)) OVER () AS most_n FROM listed
        ) counted
    ), rarer AS MATERIALIZED (
        SELECT array_agg(key) AS keys FROM weighed WHERE NOT is_common
    ), counted AS MATERIALIZED (
        SELECT weight, CASE WHEN is_common THEN ARRAY(
            SELECT beside.id FROM (
                SELECT id, tenant_id FROM memory_memoryrecord
                WHERE {_KEYS} && ARRAY[key] AND {_KEYS} && (SELECT rarer.keys FROM rarer) AND forgotten_at IS NULL OFFSET 0
            ) beside WHERE beside.tenant_id = tenant
        ) ELSE ids END AS ids
        FROM weighed
    ), ordered AS (
        SELECT id, sum(weight) AS weight FROM counted, unnest(ids) id GROUP BY id ORDER BY 2 DESC, 1 DESC LIMIT most
    )
    SELECT array_agg(id), CASE WHEN count(*) < most THEN 0 ELSE min(weight) END,
        (SELECT sum(weight) FROM weighed WHERE is_common)
    INTO best, least, in_common FROM ordered;

    IF in_common > least THEN
        RETURN QUERY
        SELECT either.id FROM (
            SELECT * FROM unnest(best) WITH ORDINALITY AS ordered(id, place)
            UNION ALL
            SELECT crowded.id, row_number() OVER () FROM (
                SELECT having_any.id FROM (
                    SELECT id, tenant_id, words FROM memory_memoryrecord
                    WHERE {_KEYS} && keys AND forgotten_at IS NULL OFFSET 0
                ) having_any
                WHERE having_any.tenant_id = tenant
                ORDER BY ts_rank(having_any.words, sought) DESC, having_any.id DESC LIMIT most
            ) crowded
        ) either
        GROUP BY either.id ORDER BY min(either.place), either.id DESC;
    ELSE
        RETURN QUERY SELECT unnest(best);
    END IF;
END $$;
"""
WEIGHED_WORDS_REVERSE_SQL = f"""
DROP FUNCTION chimera_memories_with(tsquery, text[], int, int, int);
{WORDS_SQL}
{RARE_WORDS_SQL}
"""
