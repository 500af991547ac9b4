"""Transactions: authorise, list, read, capture, void."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chimera.flows.authorise_spend import SPENDERS, authorise_spend
from chimera.flows.capture_spend import capture_spend
from chimera.flows.show_transactions import show_denial, show_transaction, show_transactions
from chimera.flows.void_by_hand import VOIDERS, void_by_hand
from chimera.flows.void_spend import void_spend
from chimera.kernel.http import problem
from chimera.kernel.http.door import Door
from chimera.kernel.http.pages import choice_or_refuse, page, uuid_or_refuse
from chimera.kernel.http.permissions import ANYONE
from chimera.kernel.http.schema import page_of, paged
from commerce.actions import Outcome, Purchase
from commerce.api import caller
from commerce.models import Transaction as TransactionRow
from commerce.serializers import Capture, DeniedShape, NewTransaction, TransactionShape, Void, VoidByHand
from commerce.states import MoneyStatus

AGENTS_OR_PEOPLES = PolymorphicProxySerializer(
    component_name="VoidRequest", serializers=[Void, VoidByHand], resource_type_field_name=None
)
STATUS_OF = {MoneyStatus.HELD: 201, MoneyStatus.REVIEW: 202}


class Transactions(Door):
    allow: ClassVar = {"GET": ANYONE, "POST": SPENDERS}
    knows: ClassVar = paged("task", "session", "status")

    @extend_schema(operation_id="transactions_list", responses=page_of(TransactionShape))
    def get(self, request: Request) -> Response:
        return page(_filtered(request), request, show_transactions)

    @extend_schema(
        operation_id="transactions_authorise",
        request=NewTransaction,
        responses={201: TransactionShape, 202: TransactionShape, (402, problem.CONTENT_TYPE): DeniedShape},
    )
    def post(self, request: Request) -> Response:
        new = NewTransaction(data=request.data)
        new.is_valid(raise_exception=True)
        said = dict(new.validated_data)
        outcome = authorise_spend(
            task_id=said.pop("task"),
            lease_token=said.pop("lease_token"),
            agent_id=caller(request).agent_id,
            purchase=Purchase(**said),
            by=caller(request).actor,
        )
        return _denied(outcome) if outcome.refusal else _answer(outcome.transaction)


class Transaction(Door):
    allow: ClassVar = {"GET": ANYONE}

    @extend_schema(operation_id="transactions_read", responses=TransactionShape)
    def get(self, request: Request, transaction_id: UUID) -> Response:
        return Response(show_transaction(TransactionRow.objects.get_or_refuse(transaction_id)))


class TransactionCapture(Door):
    allow: ClassVar = {"POST": SPENDERS}

    @extend_schema(operation_id="transactions_capture", request=Capture, responses=TransactionShape)
    def post(self, request: Request, transaction_id: UUID) -> Response:
        said = Capture(data=request.data)
        said.is_valid(raise_exception=True)
        captured = capture_spend(
            transaction_id=transaction_id,
            agent_id=caller(request).agent_id,
            by=caller(request).actor,
            **said.validated_data,
        )
        return Response(show_transaction(captured))


class TransactionVoid(Door):
    """An agent shows its lease, a person says why."""

    allow: ClassVar = {"POST": SPENDERS | VOIDERS}

    @extend_schema(operation_id="transactions_void", request=AGENTS_OR_PEOPLES, responses=TransactionShape)
    def post(self, request: Request, transaction_id: UUID) -> Response:
        who = caller(request)
        said = (VoidByHand if who.is_person else Void)(data=request.data)
        said.is_valid(raise_exception=True)
        if who.is_person:
            voided = void_by_hand(transaction_id=transaction_id, by=who.actor, **said.validated_data)
        else:
            voided = void_spend(
                transaction_id=transaction_id, agent_id=who.agent_id, by=who.actor, **said.validated_data
            )
        return Response(show_transaction(voided))


def _answer(row: TransactionRow) -> Response:
    return Response(show_transaction(row), status=STATUS_OF[MoneyStatus(row.status)])


def _denied(outcome: Outcome) -> Response:
    refusal = show_denial(outcome, show_transaction(outcome.transaction))
    return Response(problem.body(refusal), status=refusal.status, content_type=problem.CONTENT_TYPE)


def _filtered(request: Request) -> Any:
    rows = TransactionRow.objects.all()
    asked = request.query_params
    if task := asked.get("task"):
        rows = rows.filter(task_id=uuid_or_refuse(task, "task"))
    if session := asked.get("session"):
        rows = rows.filter(session_id=uuid_or_refuse(session, "session"))
    if status := asked.get("status"):
        rows = rows.filter(status=choice_or_refuse(status, "status", [s.value for s in MoneyStatus]))
    return rows
