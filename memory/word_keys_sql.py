"""The word index: by whose memory it is and by the word at once, so that a tenant's question reads what its own memories have.

A key is a hash of both, of 64 bits. An index by tenant and words as two columns holds each word's memories of all tenants in one list, and
walks it beside the list of all that the tenant has. It is written to at once (`fastupdate`): a list of what is to be written would be read
through by each search.

The hash is PostgreSQL's own and keeps no secret: who knows another tenant's id can find a word of the same key. So a key only proposes, and
each row's tenant is looked at before rows are counted. Nor does PostgreSQL promise that its hashes stay as they are from one major version
to the next: docs/memory.md says how to see and mend that.
"""

WORD_KEYS_SQL = """
CREATE FUNCTION chimera_word_keys(tenant uuid, words text[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT array_agg(hashtextextended(word, uuid_hash_extended(tenant, 0))) FROM unnest(words) word
$$;
"""
WORD_KEYS_REVERSE_SQL = "DROP FUNCTION chimera_word_keys(uuid, text[]);"
