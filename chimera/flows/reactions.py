"""Who reacts to what, and in which lane. One page; an empty list is a decision.

Lane `redis` is fast and never parks: dispatch, streams. Slow lanes park what keeps failing: `follow` (work that
follows a decision), `memory` (embedding), `index` (memories, for searches), `notify` (whom to tell of cards).
"""

from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings

from chimera.flows import (
    agents_silent,
    cancel_task,
    end_actions,
    end_increases,
    expire_cards,
    expire_early,
    expire_holds,
    flush_progress,
    lapse_leases,
    notify,
    remember_result,
    remind_cards,
    run_schedules,
    stop_tenant,
    stop_work,
    warn_budgets,
)
from chimera.kernel import events as entrance
from chimera.kernel import relay
from chimera.kernel.eventlog import Fact
from chimera.kernel.relay import fast, slow
from commerce import accumulator
from commerce import events as commerce
from memory import events as memory
from memory.actions import conversations, lane, souls, vectors
from safety import events as safety
from swarm import dispatch, lock_hints
from swarm import events as swarm

QUEUE = fast(dispatch.queue_ready, early=True)  # as soon as it is committed, whatever else is being written
CALL_HOUSE = fast(dispatch.call_house)
INDEX = slow("index", lane.follow)
MIRROR = accumulator.Mirror()
WATCH = agents_silent.Watch()
WARNINGS = warn_budgets.Watch()
ALONE = {"parent": None, "depends_on": 0}  # as most tasks are
SWEPT = {"swept": True}
SAYS_NOTHING = {"says": False}
WITH_A_JUDGE = {"kind": "judge"}
ENDED = (fast(dispatch.left_running), fast(dispatch.next_of_key, early=True), fast(flush_progress.flush_ended))

REACTIONS: dict[type[Fact], Sequence[relay.Reaction]] = {
    swarm.TaskCreated: [QUEUE, slow("follow", cancel_task.cancel_if_moot, unless=ALONE)],
    swarm.TaskQueued: [],
    swarm.TaskClaimed: [fast(dispatch.extend_inflight)],
    swarm.TaskBlocked: [*ENDED],
    swarm.TaskResumed: [QUEUE],
    swarm.TaskRequeued: [*ENDED, QUEUE],
    swarm.TaskCompleted: [
        *ENDED,
        fast(dispatch.release_dependents, early=True),
        slow("memory", remember_result.remember_result, unless=SAYS_NOTHING),
    ],
    swarm.TaskFailed: [*ENDED],
    swarm.TaskCancelled: [*ENDED, fast(dispatch.call_holder), slow("follow", cancel_task.cancel_below, unless=SWEPT)],
    swarm.TaskDropped: [slow("follow", cancel_task.cancel_below)],
    swarm.TaskProgressed: [],
    swarm.SessionCreated: [],
    swarm.SessionStarted: [],
    swarm.SessionPaused: [CALL_HOUSE],
    swarm.SessionResumed: [fast(dispatch.open_house), CALL_HOUSE],
    swarm.SessionEnded: [CALL_HOUSE, slow("follow", stop_work.sweep_session)],
    swarm.SessionChanged: [],
    swarm.CampaignCreated: [],
    swarm.CampaignStarted: [],
    swarm.CampaignPaused: [CALL_HOUSE],
    swarm.CampaignResumed: [fast(dispatch.open_house), CALL_HOUSE],
    swarm.CampaignEnded: [slow("follow", run_schedules.end_with_campaign)],
    swarm.CampaignChanged: [],
    swarm.AgentRegistered: [],
    swarm.AgentPaused: [fast(dispatch.call_agent)],
    swarm.AgentResumed: [fast(dispatch.call_agent)],
    swarm.AgentSilent: [],
    swarm.AgentHeard: [],
    swarm.AgentKilled: [fast(dispatch.call_agent), slow("follow", stop_work.sweep_agent)],
    swarm.AgentKeyIssued: [],
    swarm.TenantPaused: [fast(dispatch.call_tenant)],
    swarm.TenantStopped: [fast(dispatch.call_tenant), slow("follow", stop_tenant.sweep_tenant)],
    swarm.TenantResumed: [fast(dispatch.reopen)],
    swarm.SecondFactorRequired: [],
    swarm.SecondFactorWaived: [],
    swarm.MemberAdded: [],
    swarm.MemberInvited: [],
    swarm.MemberRolesChanged: [],  # asked with every call, so that what was taken away is gone at once
    swarm.MemberDisabled: [],
    swarm.MemberEnabled: [],
    swarm.MemberSessionsEnded: [],
    swarm.MemberSecondFactorReset: [],
    swarm.PersonalTokenMade: [],
    swarm.PersonalTokenRevoked: [],  # asked with every call
    swarm.ConcurrencyLimitSet: [],
    swarm.ConcurrencyLimitRemoved: [],
    swarm.LockRevoked: [fast(lock_hints.forget_revoked)],
    swarm.ScheduleCreated: [],
    swarm.ScheduleChanged: [],
    swarm.SchedulePaused: [],
    swarm.ScheduleResumed: [],
    swarm.ScheduleEnded: [],
    swarm.ScheduleFired: [],
    swarm.ScheduleQueued: [],
    swarm.ScheduleSkipped: [],
    swarm.ScheduleMissed: [],
    safety.ReviewOpened: [slow("notify", notify.card_waits, unless=WITH_A_JUDGE)],
    safety.ReviewClaimed: [],
    safety.ReviewReleased: [],
    safety.ReviewDue: [slow("notify", notify.card_is_due)],
    safety.ReviewEscalated: [slow("notify", notify.card_escalated)],
    safety.ReviewVoted: [],
    safety.ReviewDecided: [],
    safety.ReviewExpired: [],
    safety.ReviewWithdrawn: [],
    safety.EarlyDecisionKept: [],
    safety.EarlyDecisionUsed: [],  # the resumed task follows its own fact
    safety.EarlyDecisionRefused: [],
    safety.EarlyDecisionExpired: [],
    safety.EarlyDecisionWithdrawn: [],
    safety.ActionProposed: [],
    safety.ActionApproved: [],  # the resumed task follows its own fact
    safety.ActionDenied: [],
    safety.ActionRebound: [],
    safety.ActionExecuted: [],
    safety.ActionSettled: [],
    safety.ActionLost: [],
    safety.ActionDied: [],
    safety.PolicyCreated: [],
    safety.PolicyRulesReplaced: [],
    safety.PolicySwitched: [],
    safety.NotificationTargetCreated: [],
    safety.NotificationTargetChanged: [],
    safety.NotificationTargetSwitched: [],
    safety.NotificationSecretRotated: [],
    safety.NotificationFailed: [],
    safety.NotificationReplayed: [],
    commerce.HoldPlaced: [],  # the mirror of the spend follows the log at the clock's pace
    commerce.HoldMetered: [],
    commerce.SpendDenied: [],
    commerce.SpendReviewRequested: [],
    commerce.SpendApproved: [],
    commerce.HoldKept: [],
    commerce.HoldReleased: [],
    commerce.HoldRebound: [],
    commerce.HoldCaptured: [],
    commerce.HoldVoided: [],
    commerce.HoldExpired: [],
    commerce.BudgetCreated: [],
    commerce.BudgetChanged: [],  # warnings of its windows follow the log at the clock's pace
    commerce.LimitRaised: [],
    commerce.LimitRaiseEnded: [],
    commerce.BudgetWarned: [],
    commerce.BudgetRulesChanged: [],
    memory.MemoryAdded: [slow("memory", conversations.keep), slow("memory", vectors.embed), INDEX],
    memory.MemorySeen: [],  # how much a memory weighs comes to the index by its own list
    memory.MemorySuperseded: [slow("memory", conversations.drop), INDEX],
    memory.MemoryForgotten: [slow("memory", conversations.drop), INDEX],
    memory.MemoryRefused: [],
    memory.MemoryPolicyChanged: [],
    memory.PersonaAdded: [],  # Redis holds versions by their ids, and no version ever changes
    memory.PersonaReturned: [],
    memory.PersonaRetired: [slow("memory", souls.drop)],
    memory.ContextShown: [],
    memory.MemoryErasureRequested: [],  # the worker is asked for it with it, and looks every minute
    memory.MemoryErased: [INDEX],
    memory.MemoryErasureConfirmed: [],
    memory.MemoryCheckFrozen: [],  # evidence, and the live page
    entrance.PersonLoggedIn: [],
    entrance.PersonLoginRefused: [],
    entrance.SecondFactorSetUp: [],
    entrance.SecondFactorRemoved: [],
    entrance.RecoveryCodesRenewed: [],
    entrance.PasswordLinkIssued: [],
    entrance.PasswordSet: [],
    entrance.PasswordChanged: [],
}


CLOCK: list[tuple[str, float, Callable[[], Any]]] = [
    ("lapse_leases", 1.0, lapse_leases.lapse_leases),
    ("revoke_stopped", 1.0, stop_tenant.revoke_stopped),
    ("queue_due", 1.0, dispatch.queue_due),
    ("run_schedules", 1.0, run_schedules.run_schedules),
    ("mirror_spend", 1.0, MIRROR.write),
    ("end_increases", 1.0, end_increases.end_increases),
    ("warn_budgets", 1.0, WARNINGS.look),
    ("cancel_overdue", 1.0, lapse_leases.cancel_overdue),
    ("agents_silent", 2.0, WATCH.look),
    ("flush_progress", float(settings.PROGRESS_FLUSH_SECONDS), flush_progress.flush_progress),
    ("remind_cards", 5.0, remind_cards.remind_cards),
    ("expire_cards", 5.0, expire_cards.expire_cards),
    ("expire_holds", 5.0, expire_holds.expire_holds),
    ("expire_early", 30.0, expire_early.expire_early),
    ("end_actions", 5.0, end_actions.end_actions),
    ("wake_due", 2.0, notify.wake_due),
    ("restock", 5.0, dispatch.restock),
    ("deal", 1.0, dispatch.deal),
    ("cancel_orphans", 10.0, cancel_task.cancel_orphans),
]


def register() -> None:
    relay.register(REACTIONS, rebuild=(dispatch.restock,), clock=CLOCK, tended={"index": lane.tend})
