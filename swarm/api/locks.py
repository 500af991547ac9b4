"""Locks: acquire, renew, release, list."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from chimera.kernel import clock
from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.pages import page
from chimera.kernel.http.permissions import AGENTS, ANYONE, OPERATORS
from chimera.kernel.http.schema import page_of, paged
from swarm import lock_hints
from swarm.actions import locks
from swarm.models import ResourceLock
from swarm.serializers.locks import (
    LockReleasedShape,
    LockRenewedShape,
    LockShape,
    LockTakenShape,
    NewLock,
    ReleasedLock,
    RenewedLock,
)

HOLDERS = AGENTS | OPERATORS


class Locks(Door):
    allow: ClassVar = {"GET": ANYONE, "POST": HOLDERS}
    knows: ClassVar = paged()
    nudges = False  # no fact is told, here and below

    def prepare(self, request: Call) -> None:
        """Before the transaction: what Redis says."""
        if request.method == "POST":
            new = NewLock(data=request.data)
            new.is_valid(raise_exception=True)
            self.said: dict[str, Any] = new.validated_data
            self.seems_held = lock_hints.is_shown(request.user.tenant_id, self.said["resource"])

    @extend_schema(operation_id="locks_list", responses=page_of(LockShape))
    def get(self, request: Call) -> Response:
        """Those that are held now, the latest first."""
        held = ResourceLock.objects.all().held(clock.now())
        return page(held, request, lambda rows: LockShape(rows, many=True).data)

    @extend_schema(operation_id="locks_acquire", request=NewLock, responses={201: LockTakenShape})
    def post(self, request: Call) -> Response:
        """Take it, or 409 `lock_held` with the holder and its `expires_at`; nobody waits in line.

        Repeated with the same Idempotency-Key it answers the first token, also when the lock has lapsed: see `expires_at`.
        """
        self.lock, token = locks.acquire(**self.said, seems_held=self.seems_held, by=request.user.actor)
        return Response({**LockRenewedShape(self.lock).data, "owner_token": token}, status=201)

    def afterwards(self, request: Call, response: Response) -> None:
        if request.method == "POST":
            lock_hints.show(self.lock)


class LockRenewal(Door):
    allow: ClassVar = {"POST": HOLDERS}
    nudges = False

    @extend_schema(operation_id="locks_renew", request=RenewedLock, responses={200: LockRenewedShape})
    def post(self, request: Call) -> Response:
        """Whoever has the token may renew; 409 `lock_lost` once the lock has lapsed."""
        said = RenewedLock(data=request.data)
        said.is_valid(raise_exception=True)
        self.lock = locks.renew(**said.validated_data)
        return Response(LockRenewedShape(self.lock).data)

    def afterwards(self, request: Call, response: Response) -> None:
        lock_hints.show(self.lock)


class LockRelease(Door):
    allow: ClassVar = {"POST": HOLDERS}
    nudges = False

    @extend_schema(operation_id="locks_release", request=ReleasedLock, responses={200: LockReleasedShape})
    def post(self, request: Call) -> Response:
        """Repeating it changes nothing; 409 `lock_lost` when somebody else has had the lock since."""
        said = ReleasedLock(data=request.data)
        said.is_valid(raise_exception=True)
        self.lock = locks.release(**said.validated_data)
        return Response(LockReleasedShape(self.lock).data)

    def afterwards(self, request: Call, response: Response) -> None:
        lock_hints.forget(self.lock)
