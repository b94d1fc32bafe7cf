"""A mail for each message."""

from .models import Granted, Session


def thank(message, mail):
    with Session.begin() as session:
        if session.get(Granted, message["id"]) is None:
            session.add(Granted(message_id=message["id"]))
            session.flush()
            mail(message["customer"], "Thank you")
