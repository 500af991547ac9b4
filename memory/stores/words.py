"""The words of a question: the stems by which PostgreSQL has the words of memories, distinct, in the order in which they stand."""

from chimera.kernel.prepared import Asked
from memory.limits import QUERY_WORDS_MAX

_STEMS = f"""
    SELECT lexeme FROM unnest(to_tsvector('english', %(text)s::text)) AS w(lexeme, positions, weights)
    ORDER BY positions[1] LIMIT {QUERY_WORDS_MAX}
"""
# Before other parts of a WITH: the words, each as a tsquery, and any of them as one, which is NULL where there are none.
QUERY = f"""
    query AS MATERIALIZED (
        SELECT coalesce(array_agg(lexeme), '{{}}') AS words, coalesce(array_agg(said::tsquery), '{{}}') AS each_word,
            string_agg(said, ' | ')::tsquery AS any_word
        FROM (
            SELECT lexeme, '''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''' AS said FROM ({_STEMS}) stems
        ) quoted
    )
"""
ANY_WORD, EACH_WORD, WORDS = (f"(SELECT {part} FROM query)" for part in ("any_word", "each_word", "words"))


def stems(text: str) -> Asked:
    """The statement that answers them, a row for each."""
    return _STEMS, {"text": text}
