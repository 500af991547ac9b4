"""Reading one table of a TOML file strictly: what is wrong is collected with its place, and reading goes on."""

from decimal import Decimal, InvalidOperation
from typing import Any


class Table:
    """Each reader answers a usable value; a problem is noted in `problems`, which nested tables share."""

    def __init__(self, values: dict[str, Any], place: str, problems: list[str] | None = None) -> None:
        self.values, self.place = values, place
        self.problems: list[str] = [] if problems is None else problems
        self._read: set[str] = set()
        self._inner: list[Table] = []

    def problem(self, sentence: str) -> None:
        self.problems.append(f"{self.place}: {sentence}")

    def names(self) -> list[str]:
        return list(self.values)

    def table(self, name: str) -> "Table":
        value = self._take(name, {})
        if not isinstance(value, dict):
            self.problem(f"{name} must be a table, such as [{name}].")
            value = {}
        inner = Table(value, f"{self.place} [{name}]", self.problems)
        self._inner.append(inner)
        return inner

    def text(self, name: str, *, most: int, default: str | None = None) -> str:
        value = self._take(name, default)
        if value is None:
            self.problem(f"{name} is missing.")
        elif not isinstance(value, str) or (default is None and not value.strip()):
            self.problem(f"{name} must be a text that says something.")
        elif len(value) > most or "\x00" in value:
            self.problem(f"{name} must be plain text of at most {most} characters; it has {len(value)}.")
        else:
            return value.strip()
        return ""

    def texts(self, name: str, *, least: int = 0, most: int, each: int) -> list[str]:
        value = self._take(name, [])
        if not isinstance(value, list) or not all(isinstance(v, str) and v.strip() and len(v) <= each for v in value):
            self.problem(f"{name} must be a list of texts of 1 to {each} characters.")
        elif not least <= len(value) <= most:
            self.problem(f"{name} must have {least} to {most} entries; it has {len(value)}.")
        else:
            return [v.strip() for v in value]
        return []

    def whole(self, name: str, *, least: int, most: int) -> int:
        value = self._take(name, None)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.problem(f"{name} must be a whole number from {least} to {most}{_not(value)}.")
        return least

    def money(self, name: str) -> Decimal:
        found = self.money_or_none(name)
        if found is None and name not in self.values:
            self.problem(f'{name} is missing; give US dollars as a text, such as "0.04".')
        return found or Decimal(1)

    def money_or_none(self, name: str) -> Decimal | None:
        value = self._take(name, None)
        if value is None:
            return None
        amount = _amount(value)
        if amount is None:
            self.problem(f'{name} must be US dollars as a text with at most six decimals, such as "0.04"{_not(value)}.')
        return amount

    def nothing_else(self) -> None:
        """Unknown names are typing errors more often than wishes."""
        for name in self.values:
            if name not in self._read:
                self.problem(f"there is no setting called {name}; the settings are: {', '.join(sorted(self._read))}.")
        for inner in self._inner:
            inner.nothing_else()

    def _take(self, name: str, default: Any) -> Any:
        self._read.add(name)
        return self.values.get(name, default)


def _amount(value: Any) -> Decimal | None:
    if not isinstance(value, str):
        return None  # a TOML float is no money
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return None
    fits = amount.is_finite() and 0 < amount <= 1_000_000 and amount == round(amount, 6)
    return amount if fits else None


def _not(value: Any) -> str:
    return f", not {value!r:.60}" if value is not None else ""
