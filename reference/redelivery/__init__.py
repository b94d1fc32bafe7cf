"""Delivered Twice: run a message consumer under every schedule of redeliveries, crashes and interleavings."""

from .simulation.message import Message, Retry, StaleDelivery

__all__ = ["Message", "Retry", "StaleDelivery"]
