"""The first thing to mend: points and mark in one transaction."""

from .models import Customer, Granted, Session


def grant(message):
    with Session.begin() as session:
        if session.get(Granted, message["id"]) is not None:
            return  # delivered again
        customer = session.get(Customer, message["customer"])
        customer.points += message["points"]
        session.add(Granted(message_id=message["id"]))
