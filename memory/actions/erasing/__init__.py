"""Erasing memory of a tenant, session, agent, person or subject, everywhere, with a receipt (ADR 0104).

One erasure is many short transactions. What is left where the process dies:

| dies | then |
| --- | --- |
| before the request commits | nothing was asked for |
| after that, before the worker hears of it | the worker looks every minute for what is open |
| while it drains writers | nothing changed; the next look drains again |
| inside a slice of records | the slice is whole; its ids are not in the digest, nor its rows in the counts, for they commit together |
| between two slices | the next look takes the next slice |
| inside a page of frozen copies | as with a slice: how far it walked commits with what it blanked |
| while personas are blanked | one transaction for all of them; the next look does it, or finds nothing to do |
| after stored answers are dropped, before the commit | both are one transaction: they are there, and are dropped again |
| before the status becomes `erased` | all is read again; there is nothing, and the status follows |
| while caches are emptied | they are emptied again; PostgreSQL has nothing that could fill them |
| while an index or Redis is away | `erased`, with what is pending and why; looked at every minute until there is none |
| while collections are asked for that no generation names | nothing has changed; they are asked for again (memory.actions.leftovers) |
| before the receipt is sealed | it is sealed at the next look, with the moment of then |

Results of tasks stay, and a memory could come from them again. `covers` keeps a result that is older than the erasure from being remembered
by an event that is read late.
"""

from memory.actions.erasing.requesting import covers, request, share
from memory.actions.erasing.running import go_on, open_ones

__all__ = ["covers", "go_on", "open_ones", "request", "share"]
