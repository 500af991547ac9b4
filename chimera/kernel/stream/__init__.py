"""Streams: the hot tail of each session's events in Redis, written by the relay and read once per process for all viewers."""

from chimera.kernel.stream.entries import Entry, append, is_repetition

__all__ = ["Entry", "append", "is_repetition"]
