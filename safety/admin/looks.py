"""Tones of cards and their money."""

from safety.models import CardKind
from safety.states import CardStatus

KIND_TONES = {
    CardKind.SPEND: "warn",
    CardKind.RESULT: "info",
    CardKind.MANUAL: "mark",
    CardKind.JUDGE: "plain",
    CardKind.ACTION: "bad",
}
STATUS_TONES = {
    CardStatus.PENDING: "info",
    CardStatus.APPROVED: "good",
    CardStatus.REJECTED: "bad",
    CardStatus.CHANGES_REQUESTED: "warn",
    CardStatus.EXPIRED: "bad",
    CardStatus.WITHDRAWN: "plain",
}
MONEY_TONES = {"held": "info", "review": "warn", "denied": "bad", "captured": "good"}
