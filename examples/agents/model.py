"""An OpenAI-compatible chat endpoint, when CHIMERA_MODEL_URL is set: what /chat/completions is appended to."""

import json
import os
import re
from dataclasses import dataclass
from typing import Any

import httpx

TIMEOUT = httpx.Timeout(120.0, connect=10.0)
TOKENS_MAX = 1200  # the longest post and its list of sources, with room


class ModelFailed(Exception):
    """The endpoint did not answer, or not with what was asked for; another attempt may go better."""


@dataclass(frozen=True)
class Model:
    url: str
    name: str
    key: str = ""

    @classmethod
    def configured(cls) -> "Model | None":
        url = os.environ.get("CHIMERA_MODEL_URL", "").rstrip("/")
        if not url:
            return None
        return cls(url, os.environ.get("CHIMERA_MODEL", "gpt-4o-mini"), os.environ.get("CHIMERA_MODEL_KEY", ""))

    @classmethod
    def described(cls) -> str:
        found = cls.configured()
        return f"model {found.name}" if found else "no model endpoint: extractive, with the offline embedder"

    def ask(self, *, system: str, user: str) -> dict[str, Any]:
        """One answer as a JSON object."""
        body = {
            "model": self.name,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
            "temperature": 0.4,
            "max_tokens": TOKENS_MAX,
        }
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        try:
            answer = httpx.post(f"{self.url}/chat/completions", json=body, headers=headers, timeout=TIMEOUT)
            answer.raise_for_status()
            text = answer.json()["choices"][0]["message"]["content"]
        except (httpx.HTTPError, ValueError, KeyError, IndexError, TypeError) as error:
            raise ModelFailed(f"{self.name}: {type(error).__name__}: {error}") from error
        return json_object(str(text))


def json_object(text: str) -> dict[str, Any]:
    """The first JSON object in a model's answer, with or without a fence around it."""
    match = re.search(r"\{.*\}", text, re.DOTALL)
    try:
        found = json.loads(match[0]) if match else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ModelFailed(f"asked for a JSON object, got: {text[:120]!r}")
    return found
