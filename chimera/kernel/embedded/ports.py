"""Loopback ports below 32768: above lies the ephemeral range, where outgoing connections may sit."""

import random
import socket

LOOPBACK = "127.0.0.1"
LOWEST, HIGHEST = 20_000, 32_000


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose() -> int:
    """A free one, at random, so that two who choose at the same moment rarely meet."""
    for port in random.sample(range(LOWEST, HIGHEST), 200):
        if is_free(port):
            return port
    raise RuntimeError(f"no free port between {LOWEST} and {HIGHEST} on {LOOPBACK}")


def choose_row(length: int) -> list[int]:
    """Free ones that follow one another."""
    while True:
        row = list(range(first := choose(), first + length))
        if all(is_free(port) for port in row):
            return row
