"""The service's own tests: `python -m pytest course/service`."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from loyalty import consumers, mended, one_transaction
from loyalty.models import Base, Customer

from redelivery import NotProved, check

MESSAGES = [{"id": "8", "customer": "ada", "points": 3}, {"id": "9", "customer": "ada", "points": 2}]


def customers(session):
    session.add(Customer(name="ada", points=10))


def has_15(session):
    return session.get(Customer, "ada").points == 15


@pytest.mark.parametrize("grant", [consumers.grant, one_transaction.grant])
def test_what_was_found_is_wrong(grant):
    with pytest.raises(NotProved, match="lost-update"):
        check(grant, messages=MESSAGES, schema=[Base, customers], claim={"15 points": has_15})


@pytest.mark.redelivery(faults=1)
def test_points_are_granted_once():
    check(mended.grant, messages=MESSAGES, schema=[Base, customers], claim={"15 points": has_15})
