"""What a page tells the person once its transaction has committed: before, it might not have happened."""

from django.contrib import messages
from django.http import HttpRequest

_PLACE = "_chimera_said"


def say_when_done(request: HttpRequest, sentence: str) -> None:
    said: list[str] = getattr(request, _PLACE, [])
    setattr(request, _PLACE, [*said, sentence])


def speak(request: HttpRequest) -> None:
    """After the commit: the sentences become messages of the next page."""
    for sentence in getattr(request, _PLACE, []):
        messages.success(request, sentence)
