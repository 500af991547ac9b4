"""Agents for Chimera, and a client for the rest of its API.

agent = Agent()

@agent.task("answer")
async def answer(task, ctx):
    return ctx.result({"answer": 42}, confidence=0.93)

agent.run(slots=8)
"""

from chimera_sdk.acting import Action
from chimera_sdk.agent import Agent
from chimera_sdk.client import AsyncClient, Client
from chimera_sdk.context import Context
from chimera_sdk.errors import (
    ActionDenied,
    Away,
    BudgetExceeded,
    ChimeraError,
    Fatal,
    OutOfMoney,
    ProblemError,
    Retry,
    StaleLease,
    Stopped,
    UnderReview,
)
from chimera_sdk.outcome import Outcome, Result
from chimera_sdk.spending import Hold
from chimera_sdk.threaded import ThreadAction, ThreadContext, ThreadHold
from chimera_sdk.work import Task

__all__ = [
    "Action",
    "ActionDenied",
    "Agent",
    "AsyncClient",
    "Away",
    "BudgetExceeded",
    "ChimeraError",
    "Client",
    "Context",
    "Fatal",
    "Hold",
    "OutOfMoney",
    "Outcome",
    "ProblemError",
    "Result",
    "Retry",
    "StaleLease",
    "Stopped",
    "Task",
    "ThreadAction",
    "ThreadContext",
    "ThreadHold",
    "UnderReview",
]
