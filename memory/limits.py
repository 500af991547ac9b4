"""Limits of memory, each with its unit and why it is there."""

DIMENSIONS = 1536  # of every stored vector; shorter ones are padded with zeros, which leaves cosines as they are
CONTENT_BYTES_MAX = 16 * 1024  # a memory is a few paragraphs; longer texts become several, each found by itself
QUERY_CHARACTERS_MAX = 2_000  # a question, not a document: it is embedded while somebody waits
QUERY_WORDS_MAX = 32  # distinct words of a query that the keyword search looks for
REASON_CHARACTERS_MAX = 500  # why a memory was forgotten, for whoever reads it in a year
PERSONA_CHARACTERS_MAX = 120  # a persona's id or name
FILE_CHARACTERS_MAX = 500  # the name of the file that a memory comes from
SENTENCE_CHARACTERS_MAX = 2_000  # the words of it
RESULTS_DEFAULT = 10  # memories that one search answers unless told otherwise
RESULTS_MAX = 50  # what an agent can still read, and a reviewer after it
CANDIDATES = 100  # memories that each index proposes; the ranking of half a hundred needs twice as many
WORD_MATCHES_MAX = 400  # ids that the word index proposes before visibility and filters are asked
CHECKS_MAX = 200  # memory checks frozen under one lease; an agent that asks more often is lost
FROZEN_CHARACTERS_MAX = 4_000  # of each text that is frozen with a task; the memory itself keeps the rest
FROZEN_SHOWN_MAX = 100  # memories shown to whoever reviews one attempt, the best first
EMBEDDED_CHARACTERS_MAX = 6_000  # of each text sent to an endpoint: 8191 tokens is what the usual models read
EMBED_BATCH = 64  # memories embedded again in one go
SUBJECT_CHARACTERS_MAX = 120  # whom a memory is about, by an id of the caller's own
SIGHTINGS_KEPT_MAX = 20  # repeats of one memory; by then it weighs all but everything (memory.sameness.lifted)
BATCH_MAX = 500  # memories in one call, as of tasks
UNINDEXED_MAX = 500  # changes that the index has not heard of; with more of them it is not asked
INDEX_BATCH = 250  # memories written to the index in one call, some 6 MB: a third of a second
INDEX_ATTEMPTS_MAX = 5  # of a memory that the index refuses; from then on it is tried once an hour
