"""Sensitive topics: which there are, and how they are found in a text. Pure; vectors are made by whoever asks (docs/topics.md)."""

from safety.topics.classifier import Vectors, recognise
from safety.topics.names import TOPICS, Topic, Touched, reasons_of
from safety.topics.phrases import surely

__all__ = ["TOPICS", "Topic", "Touched", "Vectors", "reasons_of", "recognise", "surely"]
