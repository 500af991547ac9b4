"""How many tokens a text costs at most, without asking the tokenizer of a model that we do not know.

A byte-level BPE (Sennrich et al. 2016; Radford et al. 2019, GPT-2, and most of what came after it) splits a text into words, numbers,
signs and spaces before it merges bytes, so a token never spans two of them, but for the one space before a word, which belongs to it.
Counted here:

* a word of ASCII letters: one token for every three letters begun of its first six, and two for every three after them; two for every
  three of a word with capitals inside, such as HARBOUR or aGVsbG8;
* each digit one (Llama takes them one by one, GPT-4 by three);
* each other ASCII sign, and each line break, one; of a run of spaces those beyond the first, one each;
* each other character one for every byte of its UTF-8, which is the most that a byte-level vocabulary can make of it.

Two texts with a line break between them cost their sum and one. What it makes of some kinds of text stands in docs/personas.md.
"""

import re

RULE = "1 for 3 letters of a word, 2 for 3 beyond six and of capitals; 1 for each digit, sign and byte of other letters"
LETTERS_PER_TOKEN = 3
COMMON_LETTERS_MAX = 6  # longer words are names, compounds, or none
RARE_TOKENS, RARE_LETTERS = 2, 3
_PIECES = re.compile(r"[A-Za-z]+|[ \t]+|[^\x00-\x7f]+|[\x00-\x7f]")


def tokens(text: str) -> int:
    return sum(_cost(piece[0]) for piece in _PIECES.finditer(text))


def _cost(piece: str) -> int:
    first = piece[0]
    if first in " \t":
        return len(piece) - 1
    if not first.isascii():
        return len(piece.encode("utf-8", "surrogatepass"))
    return _word(piece) if first.isalpha() else 1


def _word(word: str) -> int:
    common = min(len(word), COMMON_LETTERS_MAX) if word[1:].islower() or len(word) == 1 else 0
    return -(-common // LETTERS_PER_TOKEN) + -(-(len(word) - common) * RARE_TOKENS // RARE_LETTERS)
