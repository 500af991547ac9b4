"""The word index, asked twice: for what has most of the words, and for what has a rare one.

`ts_rank` knows no rarity. Beside hundreds of memories with one common word, the only one with the word that matters had the rank of each
of them, and lay behind the newest. A word is rare that at most a third of `most` memories have; it weighs ln(1 + most / how many have it).
The two lists are merged place by place. Where there are fewer than `most` with any of the words, all are in the first, and no second is
made. Without the switches of the planner a word's few would be looked for among all that the tenant has.

Asked as the owner of the table, for the reason that memory.words_sql gives; sees rows of the bound tenant alone.
"""

from memory.words_sql import WORDS_REVERSE_SQL, WORDS_SQL

RARE_WORDS_SQL = f"""
{WORDS_REVERSE_SQL}
CREATE FUNCTION chimera_memories_with(sought tsquery, each_word tsquery[], most int) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off AS $$
    WITH ranked AS MATERIALIZED (
        SELECT id, row_number() OVER () AS place FROM (
            SELECT id FROM memory_memoryrecord
            WHERE tenant_id = NULLIF(current_setting('chimera.tenant', true), '')::uuid
                AND words @@ sought AND forgotten_at IS NULL
            ORDER BY ts_rank(words, sought) DESC, id DESC LIMIT most
        ) best
    ), having_each AS MATERIALIZED (
        SELECT ARRAY(
            SELECT id FROM memory_memoryrecord
            WHERE tenant_id = NULLIF(current_setting('chimera.tenant', true), '')::uuid
                AND words @@ word AND forgotten_at IS NULL
            LIMIT most / 3 + 1
        ) AS ids
        FROM unnest(each_word) word WHERE (SELECT count(*) FROM ranked) >= most
    ), rare AS (
        SELECT id, row_number() OVER (ORDER BY sum(ln(1 + most::float8 / cardinality(ids))) DESC, id DESC) AS place
        FROM having_each, unnest(ids) id WHERE cardinality(ids) <= most / 3 GROUP BY id
    )
    SELECT id FROM (SELECT * FROM ranked UNION ALL SELECT * FROM rare) either
    GROUP BY id ORDER BY min(place), id DESC
$$;
"""
RARE_WORDS_REVERSE_SQL = f"DROP FUNCTION chimera_memories_with(tsquery, tsquery[], int);{WORDS_SQL}"
