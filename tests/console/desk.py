"""A person at the console, by Django's test client, with CSRF checked as in life."""

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from django.contrib.auth import get_user_model
from django.test import Client

from tests.cast import Caller


@dataclass
class Page:
    status: int
    html: str
    headers: Any
    response: Any

    def ok(self) -> "Page":
        assert self.status == 200, f"{self.status}: {self.text[:1500]}"
        return self

    @property
    def text(self) -> str:
        """What a person reads, on one line."""
        plain = re.sub(r"<(script|style)\b.*?</\1>", " ", self.html, flags=re.DOTALL)
        return unescape(" ".join(re.sub(r"<[^>]+>", " ", plain).split()))

    @property
    def buttons(self) -> set[str]:
        """The verbs that the page offers."""
        return set(re.findall(r'name="verb" value="(\w+)"', self.html))


@dataclass
class Desk:
    who: Caller
    client: Client = field(default_factory=lambda: Client(enforce_csrf_checks=True))

    def __post_init__(self) -> None:
        self.client.force_login(get_user_model().objects.get(pk=self.who.id))

    def get(self, path: str, **query: Any) -> Page:
        return self._page(self.client.get(path, query))

    def post(self, path: str, *, follow: bool = True, csrf: bool = True, **said: Any) -> Page:
        if csrf:
            if "csrftoken" not in self.client.cookies:
                self.client.get("/admin/password_change/")
            said["csrfmiddlewaretoken"] = self.client.cookies["csrftoken"].value
        return self._page(self.client.post(path, said, follow=follow))

    def _page(self, response: Any) -> Page:
        return Page(response.status_code, response.content.decode(), response.headers, response)
