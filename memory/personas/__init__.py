"""Personas: what a SOUL.md says, what outranks it, and how a context is made of it within a budget of tokens."""
