"""What the queue calls, as it was found."""

from .models import Customer, Granted, Session


def grant(message):
    with Session() as session:
        if session.get(Granted, message["id"]) is not None:
            return  # delivered again
        customer = session.get(Customer, message["customer"])
        customer.points += message["points"]
        session.commit()
        session.add(Granted(message_id=message["id"]))
        session.commit()
