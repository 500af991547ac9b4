"""What can be paused: a session, its campaign, the agent who works for it."""

from swarm.models import Task
from tests.cast import Stage

WHAT = ("session", "campaign", "agent")


class Scene:
    """A session of a campaign, and Ada who works for it; `what` of them is paused and resumed."""

    def __init__(self, stage: Stage, what: str) -> None:
        self.stage, self.what = stage, what
        campaign = stage.otto.post("campaigns", {"name": "c", "goal": "g"}).ok(201)["id"]
        self.session = stage.session(campaign=campaign)
        ids = {"session": self.session["id"], "campaign": campaign, "agent": stage.ada.id}
        self._path = f"{what}s/{ids[what]}"

    def task(self) -> str:
        return str(self.stage.task(self.session)["id"])

    def pause(self) -> None:
        self.stage.otto.post(f"{self._path}/pause", {"reason": "look into it"}).ok()

    def resume(self) -> None:
        self.stage.otto.post(f"{self._path}/resume").ok()

    def status(self, task: str) -> str:
        with self.stage.bound():
            return str(Task.objects.get(pk=task).status)
