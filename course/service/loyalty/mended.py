"""The second: the database adds, not Python."""

from sqlalchemy import update

from .models import Customer, Granted, Session


def grant(message):
    with Session.begin() as session:
        if session.get(Granted, message["id"]) is not None:
            return  # delivered again
        session.add(Granted(message_id=message["id"]))
        more = Customer.points + message["points"]
        session.execute(update(Customer).where(Customer.name == message["customer"]).values(points=more))
