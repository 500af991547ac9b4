"""Who may do what: the one truth table. docs/roles.md is drawn from it, and tests read it at every door.

Doors state of themselves whom they let in (`allow`, `viewers`, `roles` of a verb). This page says the same once more, for people who
want to read it in one place; tests/architecture/test_roles.py compares the two, and the tests of API and console try it out. So a door
that is opened wider than it was meant is seen, and so is one that this page does not know.
"""

from dataclasses import dataclass
from functools import cache

from chimera.kernel.identity import AGENT_ROLES, PERSON_ROLES, Role

_GROUPS = {"anyone": frozenset(Role), "people": PERSON_ROLES, "agents": AGENT_ROLES}

# What a role is for, in the order in which they are shown.
ROLES = {
    Role.PLANNER: "an agent that makes sessions and tasks",
    Role.WORKER: "an agent that does tasks, spends and acts",
    Role.JUDGE: "an agent that scores results of others",
    Role.OPERATOR: "runs the swarm: sessions, tasks, schedules, agents, stops",
    Role.REVIEWER: "decides the cards that wait for a person",
    Role.FINANCE: "sets budgets, their rules and increases, and approves what they ask about",
    Role.AUDITOR: "reads everything, changes nothing",
    Role.ADMIN: "everything that people may, and who may do it: members, roles, policies",
}

# `page | verbs | roles`; "see" is the list and each row. An admin may whatever any person may.
_CONSOLE = """
safety/reviewcard       | see                                                       | reviewer operator finance auditor
safety/reviewcard       | approve approve_edited request_changes reject claim release | reviewer finance operator
safety/action           | see                                                       | reviewer operator finance auditor
safety/earlydecision    | see                                                       | reviewer operator finance auditor
swarm/swarmsession      | see                                                       | operator auditor
swarm/swarmsession      | pause resume complete stop                                | operator
swarm/task              | see                                                       | operator auditor
swarm/task              | cancel retry                                              | operator
swarm/deadletter        | see                                                       | operator auditor
swarm/deadletter        | retry drop                                                | operator
swarm/campaign          | see                                                       | operator auditor
swarm/campaign          | pause resume complete stop                                | operator
swarm/schedule          | see                                                       | operator auditor
swarm/schedule          | run_now pause resume stop                                 | operator
swarm/agentprofile      | see                                                       | operator auditor
swarm/agentprofile      | pause resume rotate_key kill                              | operator
swarm/resourcelock      | see                                                       | operator auditor
swarm/resourcelock      | release                                                   | operator
swarm/concurrencylimit  | see                                                       | operator auditor
swarm/concurrencylimit  | change remove                                             | operator
memory/memoryrecord     | see                                                       | operator auditor
memory/memoryrecord     | forget                                                    | operator
memory/memorypolicy     | see                                                       | operator auditor
memory/memoryerasure    | see                                                       | auditor
memory/persona          | see                                                       | operator reviewer auditor
memory/persona          | retire                                                    | operator
commerce/budgetconfig   | see                                                       | finance auditor
commerce/budgetconfig   | change raise                                              | finance
commerce/limitincrease  | see                                                       | finance auditor
commerce/limitincrease  | revoke                                                    | finance
commerce/transaction    | see                                                       | finance auditor
commerce/transaction    | void                                                      | finance
commerce/statement      | see                                                       | finance auditor
safety/policy           | see                                                       | reviewer operator finance auditor
safety/policy           | enforce shadow off                                        | admin
safety/notificationtarget | see                                                     | operator auditor
safety/notificationtarget | test change rotate_secret pause resume remove           | admin
safety/delivery         | see                                                       | operator auditor
safety/delivery         | replay                                                    | operator
kernel/event            | see                                                       | operator auditor
kernel/parkedevent      | see                                                       | operator auditor
kernel/parkedevent      | retry                                                     | operator
swarm/tenant            | see                                                       | operator auditor
swarm/tenant            | pause stop resume stop_everything resume_everything       | operator
swarm/tenant            | require_second_factor waive_second_factor                 | admin
swarm/membership        | see                                                       | auditor
swarm/personaltoken     | see revoke                                                | people
swarm/membership        | roles end_sessions invite reset_second_factor disable enable | admin
"""

# `methods path | roles`; an id stands as {id}.
_API = """
GET agents                          | anyone
POST agents                         | operator
GET agents/{id}                     | anyone
POST agents/{id}/keys               | operator
POST agents/{id}/pause              | operator
POST agents/{id}/resume             | operator
POST agents/{id}/kill               | operator
GET campaigns                       | anyone
POST campaigns                      | operator
GET campaigns/{id}                  | anyone
PATCH campaigns/{id}                | operator
POST campaigns/{id}/pause           | operator
POST campaigns/{id}/resume          | operator
POST campaigns/{id}/complete        | operator
POST campaigns/{id}/stop            | operator
GET campaigns/{id}/schedules        | anyone
POST campaigns/{id}/schedules       | planner operator
GET schedules                       | anyone
GET schedules/{id}                  | anyone
PATCH schedules/{id}                | planner operator
POST schedules/{id}/run             | planner operator
POST schedules/{id}/pause           | planner operator
POST schedules/{id}/resume          | planner operator
POST schedules/{id}/stop            | planner operator
GET sessions                        | anyone
POST sessions                       | planner operator
GET sessions/{id}                   | anyone
PATCH sessions/{id}                 | planner operator
POST sessions/{id}/pause            | operator
POST sessions/{id}/resume           | operator
POST sessions/{id}/complete         | planner operator
POST sessions/{id}/stop             | operator
GET sessions/{id}/events            | anyone
GET tasks                           | anyone
POST tasks                          | planner operator
POST tasks/batch                    | planner operator
POST tasks/cancel                   | planner operator
POST tasks/retry                    | planner operator
POST tasks/drop                     | planner operator
GET tasks/{id}                      | anyone
POST tasks/{id}/cancel              | planner operator
POST tasks/{id}/retry               | planner operator
POST tasks/{id}/drop                | planner operator
POST tasks/{id}/heartbeat           | agents
POST tasks/{id}/result              | agents
POST claims                         | agents
POST claims/results                 | agents
GET concurrency-limits              | anyone
POST concurrency-limits             | operator
GET concurrency-limits/{id}         | anyone
PATCH concurrency-limits/{id}       | operator
POST concurrency-limits/{id}/remove | operator
GET tenant                          | anyone
POST tenant/pause                   | operator
POST tenant/stop                    | operator
POST tenant/resume                  | operator
POST everything/pause               | people
POST everything/stop                | people
POST everything/resume              | people
GET stops                           | anyone
GET locks                           | anyone
POST locks                          | agents operator
POST locks/renew                    | agents operator
POST locks/release                  | agents operator
GET transactions                    | anyone
POST transactions                   | worker
GET transactions/{id}               | anyone
POST transactions/{id}/capture      | worker
POST transactions/{id}/void         | worker finance
GET budgets                         | anyone
POST budgets                        | finance
GET budgets/{id}                    | anyone
PATCH budgets/{id}                  | finance
GET budgets/{id}/usage              | anyone
GET budgets/{id}/increases          | anyone
POST budgets/{id}/increases         | finance
GET budgets/{id}/rules              | anyone
PUT budgets/{id}/rules              | finance
GET budgets/{id}/rules/versions     | anyone
POST budgets/{id}/rules/preview     | finance
POST increases/{id}/revoke          | finance
GET statements                      | finance auditor
POST tasks/{id}/actions             | worker
GET actions                         | anyone
GET actions/{id}                    | anyone
POST actions/{id}/execution         | worker
POST actions/{id}/outcome           | worker
GET reviews                         | people
GET reviews/counts                  | people
GET reviews/{id}                    | people
GET reviews/{id}/card               | people
POST reviews/next                   | reviewer finance operator
POST reviews/batch                  | reviewer finance operator
GET reviews/decisions               | people
POST reviews/decisions              | reviewer finance operator
POST reviews/decisions/{id}/withdraw | reviewer finance operator
POST reviews/{id}/seen              | reviewer finance operator
POST reviews/{id}/claim             | reviewer finance operator
POST reviews/{id}/release           | reviewer finance operator
POST reviews/{id}/decision          | reviewer finance operator
GET notification-targets            | operator auditor
POST notification-targets           | admin
GET notification-targets/{id}       | operator auditor
PATCH notification-targets/{id}     | admin
POST notification-targets/{id}/status | admin
POST notification-targets/{id}/secret | admin
POST notification-targets/{id}/test | admin
GET deliveries                      | operator auditor
GET deliveries/{id}                 | operator auditor
POST deliveries/{id}/replay         | operator
GET policies                        | anyone
POST policies                       | admin
GET policies/{id}                   | anyone
PUT policies/{id}/rules             | admin
POST policies/{id}/status           | admin
GET policies/{id}/versions          | anyone
POST policies/{id}/preview          | admin
GET memories                        | anyone
POST memories                       | agents operator
POST memories/batch                 | agents operator
POST memories/search                | anyone
GET memories/policy                 | anyone
PUT memories/policy                 | admin
POST memories/policy/preview        | admin
GET memories/erasures               | auditor
POST memories/erasures              | admin
GET memories/erasures/{id}          | auditor
GET memories/{id}                   | anyone
POST memories/{id}/supersede        | agents operator
POST memories/{id}/forget           | agents operator
GET personas                        | anyone
POST personas                       | operator
GET personas/{id}                   | anyone
GET personas/{id}/versions          | anyone
GET personas/{id}/versions/{id}     | anyone
POST personas/{id}/retire           | operator
GET personas/{id}/context           | anyone
POST personas/{id}/context          | agents
"""

# What the roles alone do not say.
NOTES = {
    "safety/reviewcard": "The card says which of these it asks, reviewers as a rule. Nobody approves what they asked for.",
    "swarm/personaltoken": "One's own alone.",
    "swarm/tenant": "Everything is stopped and resumed by superusers alone, who run the installation, and have a role here besides.",
    "POST reviews/{id}/decision": "The card says which of these it asks; nobody approves what they asked for.",
    "POST reviews/decisions/{id}/withdraw": "Only whose decision it is.",
    "GET actions": "An agent sees its own, and those of tasks that it works on.",
    "GET actions/{id}": "An agent sees its own, and those of tasks that it works on.",
    "GET personas/{id}/context": "An agent names a task only while it holds it.",
    "POST personas/{id}/context": "Under the lease of the task that it is for.",
    "swarm/membership": "Nobody gives roles to themselves, and the last admin stays one.",
    "POST everything/stop": "Only superusers, who run the installation; so are pause and resume.",
    "POST locks": "Agents hold locks of their own; operators take one from an owner who is stuck.",
}
SEE = "see"


@dataclass(frozen=True, slots=True)
class Right:
    """Who may walk one door: a verb of a page of the console, or a method of an address of the API."""

    place: str  # "swarm/task", or "tasks/{id}/cancel"
    act: str  # "see", "cancel", or "POST"
    roles: frozenset[Role]


@cache
def console() -> tuple[Right, ...]:
    found = []
    for line in _CONSOLE.strip().splitlines():
        page, verbs, roles = (part.strip() for part in line.split("|"))
        found += [Right(page, verb, _roles(roles)) for verb in verbs.split()]
    return tuple(found)


@cache
def api() -> tuple[Right, ...]:
    found = []
    for line in _API.strip().splitlines():
        door, roles = (part.strip() for part in line.split("|"))
        method, path = door.split()
        found.append(Right(path, method, _roles(roles)))
    return tuple(found)


def effective(roles: frozenset[Role]) -> frozenset[Role]:
    """With admins wherever any person may."""
    return roles | {Role.ADMIN} if roles & PERSON_ROLES else roles


def _roles(words: str) -> frozenset[Role]:
    named = [_GROUPS.get(word) or frozenset({Role(word)}) for word in words.split()]
    return effective(frozenset().union(*named))
