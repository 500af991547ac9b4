"""Whether this process is on its way out: its sockets are closed because of us, and nobody behind them has gone."""

_away = False


def away() -> bool:
    return _away


def leave() -> None:
    global _away
    _away = True
