"""Agents of a process of their own: plain HTTP, a key each, and what an honest agent does when an answer is lost.

Run as `python -m tests.processes.agents`; it works until it is killed. Nothing of Django is imported here.
"""

import json
import os
import threading
import time
from typing import Any

import httpx

SLOTS = 8
PAUSE_SECONDS = 0.05  # before a call whose answer was lost is repeated
AWAY = (502, 503, 504)


class Agent:
    def __init__(self, url: str, key: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/v1/", headers={"Authorization": f"Bearer {key}"}, timeout=10)

    def run(self) -> None:
        while True:
            for claim in self._call("claims", {"max": SLOTS, "wait_seconds": 1})["claims"]:
                self._work(claim)

    def _work(self, claim: dict[str, Any]) -> None:
        task, token = claim["task"], claim["lease_token"]
        if not self._pay(task, token):
            return
        said = {"answer": task["id"]} if task["input_payload"]["speaks"] else {}
        told = {"status": "succeeded", "output_payload": said, "confidence_score": 0.97}
        self._call(f"tasks/{task['id']}/result", {"lease_token": token} | told)

    def _pay(self, task: dict[str, Any], token: str) -> bool:
        """False when the lease is over. What an earlier attempt has paid for is not paid twice."""
        price = task["input_payload"].get("price")
        if price is None or self._paid_before(task):
            return True
        spend = {"task": task["id"], "lease_token": token, "amount_usd": price, "asset_symbol": "USD"}
        held = self._call("transactions", spend, key=token)
        if held.get("code") == "stale_lease":
            return False
        if task["input_payload"]["captures"]:
            captured = self._call(f"transactions/{held['id']}/capture", {"lease_token": token})
            return captured.get("code") != "stale_lease"
        return True

    def _paid_before(self, task: dict[str, Any]) -> bool:
        if task["attempt_count"] < 2:
            return False
        return bool(self._answer("GET", f"transactions?task={task['id']}&status=captured")["results"])

    def _call(self, path: str, body: dict[str, Any], key: str = "") -> dict[str, Any]:
        return self._answer("POST", path, json=body, headers={"Idempotency-Key": key} if key else {})

    def _answer(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """The answer to a call, which is repeated until there is one."""
        while True:
            try:
                response = self._http.request(method, path, **more)
            except httpx.TransportError:
                time.sleep(PAUSE_SECONDS)
                continue
            if response.status_code in AWAY:
                time.sleep(PAUSE_SECONDS)
                continue
            answer: dict[str, Any] = response.json() if response.content[:1] == b"{" else {"code": "no_json"}
            if response.is_success or answer["code"] == "stale_lease":
                return answer
            _complain(method, path, response.status_code, response.text)
            if response.status_code < 500:
                return answer
            time.sleep(PAUSE_SECONDS)


def _complain(method: str, path: str, status: int, text: str) -> None:
    with open(os.environ["COMPLAINTS"], "a") as complaints:
        complaints.write(json.dumps([method, path, status, text[:500]]) + "\n")


def main() -> None:
    keys = os.environ["CHIMERA_KEYS"].split(",")
    threads = [threading.Thread(target=Agent(os.environ["CHIMERA_URL"], key).run) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
