"""Campaigns with real input, and the agents that work on them through the public API alone."""
