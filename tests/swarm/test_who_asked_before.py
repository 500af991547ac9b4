"""Keys and schedules of before: the log of events says who issued and who wrote them."""

from importlib import import_module

from django.db import connections

from swarm.models import AgentKey, Schedule
from tests.cast import Stage
from tests.swarm.schedule_world import TASK

told = import_module("swarm.migrations.0013_who_asked")


def test_the_log_says_who_issued_old_keys_and_wrote_old_schedules(acme: Stage) -> None:
    acme.otto.post(f"agents/{acme.ada.id}/keys").ok(201)
    acme.boss.post(f"agents/{acme.ada.id}/keys").ok(201)
    campaign = acme.otto.post("campaigns", {"name": "Harbour", "goal": "Fill the baths"}).ok(201)["id"]
    body = {"name": "hourly", "cron": "0 * * * *", "overlap": "skip", "task": TASK}
    changed = acme.pia.post(f"campaigns/{campaign}/schedules", body).ok(201)["id"]
    acme.pia.post(f"campaigns/{campaign}/schedules", body).ok(201)
    acme.boss.patch(f"schedules/{changed}", {"name": "each hour"}).ok()
    acme.otto.post(f"schedules/{changed}/pause").ok()
    with acme.bound():
        before = keys(), writers()
    assert before == (
        ["system:chimera", str(acme.otto.actor), str(acme.boss.actor)],
        [sorted([str(acme.pia.actor), str(acme.boss.actor)]), [str(acme.pia.actor)]],
    )
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE swarm_agentkey SET issued_by = ''")
        cursor.execute("UPDATE swarm_schedule SET written_by = '{}'")
        cursor.execute(told.KEYS_SQL)
        cursor.execute(told.SCHEDULES_SQL)
    with acme.bound():
        assert (keys(), writers()) == before


def keys() -> list[str]:
    return list(AgentKey.objects.filter(agent__name="ada").order_by("pk").values_list("issued_by", flat=True))


def writers() -> list[list[str]]:
    return [sorted(schedule.written_by) for schedule in Schedule.objects.order_by("pk")]
