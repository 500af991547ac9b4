"""Policies: rules as data, in versions, and what they say of a subject. Pure (docs/adr/0092-policies-are-versions-of-data.md)."""

from safety.policies.due import Due, shortest
from safety.policies.engine import Acting, Ruling, Shadow, built_in, evaluate, may_stop
from safety.policies.rules import Kind, Rule, Then, stored
from safety.policies.subject import Subject
from safety.policies.writing import parse

__all__ = [
    "Acting",
    "Due",
    "Kind",
    "Rule",
    "Ruling",
    "Shadow",
    "Subject",
    "Then",
    "built_in",
    "evaluate",
    "may_stop",
    "parse",
    "shortest",
    "stored",
]
