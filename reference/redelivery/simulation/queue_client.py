"""What a consumer's loop holds in place of a client of the queue, and of the payment service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Number
from typing import Any

from .message import Message, StaleDelivery
from .operations import Acknowledge, Done, Perform, Receive, Received, Refused, SendPayment

Ask = Callable[[Any], Any]
_ERRORS: dict[str, type[Exception]] = {
    "ConnectionError": ConnectionError,
    "RuntimeError": RuntimeError,
    "StaleDelivery": StaleDelivery,
    "ValueError": ValueError,
}


def _check(told: object) -> None:
    if isinstance(told, Refused):
        raise _ERRORS[told.name](told.text)
    assert isinstance(told, Done)


class Queue:
    """The queue as one run of a consumer's loop sees it."""

    def __init__(
        self, ask: Ask, ask_attempt: Callable[[], int], messages: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> None:
        self._ask, self._ask_attempt, self._messages = ask, ask_attempt, messages
        self._received = 0

    def receive(self) -> Message | None:
        """The next message; None when none is deliverable now."""
        told: Received = self._ask(Receive())
        if told.message < 0:
            return None
        identity, body = self._messages[told.message]
        message = Message(identity, body, lambda: told.attempt or self._ask_attempt())
        message._delivery = (self, self._received)
        self._received += 1
        return message

    def ack(self, message: Message) -> None:
        """Acknowledge a message, and wait for the queue's confirmation.

        Raises:
            StaleDelivery: the queue has delivered it again meanwhile.
            ConnectionError: no confirmation came; the queue may or may not have taken the acknowledgement.
        """
        _check(self._ask(Acknowledge(self._number(message, "queue.ack"))))

    def process(self, message: Message) -> None:
        """The effect of a message: appends one row.

        Raises:
            RuntimeError: it could not be done, and has not been.
        """
        _check(self._ask(Perform(self._number(message, "process"))))

    def _number(self, message: object, name: str) -> int:
        if not isinstance(message, Message):
            kind = type(message).__name__
            raise TypeError(f"{name}(message) expects a message that queue.receive() gave, not {kind}")
        queue, number = message._delivery if isinstance(message._delivery, tuple) else (None, -1)
        if queue is not self:
            raise StaleDelivery("this message was received before the loop was started again")
        return int(number)

    def __repr__(self) -> str:
        return "<the queue>"


def payment_sender(ask: Ask) -> Callable[[str, str, int], None]:
    """The function ``send`` that `pay` is given."""

    def send(key: str, order_id: str, amount: int) -> None:
        """Ask the payment service for a payment. It applies each key once.

        Raises:
            ConnectionError: the request or its answer was lost.
            ValueError: the key is known with another order or amount.
            TypeError: the amount is no number.
        """
        if not isinstance(amount, Number):
            raise TypeError(
                f"send(key, order_id, amount) expects an amount that is a number, not {type(amount).__name__}"
            )
        _check(ask(SendPayment(str(key), str(order_id), amount)))

    return send
