"""`make bench` runs every benchmark in turn; `make bench ARGS=lifecycle` one of them."""

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).parent
known = sorted(page.stem for page in HERE.glob("*.py") if not page.stem.startswith("_"))
asked = sys.argv[1:] or known
if unknown := set(asked) - set(known):
    raise SystemExit(f"no benchmark named {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
for name in asked:
    print(f"== {name}", flush=True)
    sys.argv = [str(HERE / f"{name}.py")]
    runpy.run_path(str(HERE / f"{name}.py"), run_name="__main__")
