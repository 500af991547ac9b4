"""What can be done with memory: verbs by noun. They run inside a transaction that a door or a flow has bound, except
`vectors`, which waits for an embedder and therefore opens its own short ones."""

from memory.actions.checks import freeze
from memory.actions.fading import fade
from memory.actions.fading import preview as preview_fading
from memory.actions.policies import change as change_policy
from memory.actions.records import NewMemory, add, add_all, forget, remember, supersede
from memory.actions.vectors import embed, embed_one, embed_waiting

__all__ = [
    "NewMemory",
    "add",
    "add_all",
    "change_policy",
    "embed",
    "embed_one",
    "embed_waiting",
    "fade",
    "forget",
    "freeze",
    "preview_fading",
    "remember",
    "supersede",
]
