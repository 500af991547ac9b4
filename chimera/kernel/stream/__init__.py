"""Streams: the hot tail of each session's events in Redis, written by the relay, read once for all viewers."""

from chimera.kernel.stream.entries import Entry, Frame, append

__all__ = ["Entry", "Frame", "append"]
