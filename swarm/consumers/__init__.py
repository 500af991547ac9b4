"""Sockets: viewers of a session, and agents at work."""
