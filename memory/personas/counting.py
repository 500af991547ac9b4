"""How many tokens a text costs at most, without asking the tokenizer of a model that we do not know.

A byte-level BPE (GPT-2 and what came after it; Sennrich et al. 2016, Radford et al. 2019) splits a text into words, numbers, signs and
spaces before it merges bytes, so a token never spans two of them, but for the one space before a word, which belongs to it. Counted here:

* a run of ASCII letters: one token for every three letters begun (English has some four and more a token),
* each digit one (Llama takes them one by one, GPT-4 by three),
* each other ASCII sign, and each line break, one; of other spaces those beyond the first of a run, one,
* each other character one for every byte of its UTF-8, which is the most that a byte-level vocabulary can make of it.

So prose counts more than it costs, by about half, and Chinese by twice and more. Text that is made to be hard, such as random letters,
may cost more than is counted: two letters a token happen there. Two texts with a line break between them cost their sum and one.
"""

import re

RULE = "1 for 3 ASCII letters, each digit and each sign; 1 for each byte of other letters"
LETTERS_PER_TOKEN = 3
_PIECES = re.compile(r"[A-Za-z]+|[ \t]+|[^\x00-\x7f]+|[\x00-\x7f]")


def tokens(text: str) -> int:
    return sum(_cost(piece[0]) for piece in _PIECES.finditer(text))


def _cost(piece: str) -> int:
    first = piece[0]
    if first in " \t":
        return len(piece) - 1
    if not first.isascii():
        return len(piece.encode("utf-8", "surrogatepass"))
    return -(-len(piece) // LETTERS_PER_TOKEN) if first.isalpha() else 1
