"""Consumers in SQLAlchemy's ORM, as people write them at work."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "account"
    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


class Processed(Base):
    __tablename__ = "processed"
    message_id: Mapped[str] = mapped_column(primary_key=True)


def fill(session: Session) -> None:
    session.add(Account(id=666, balance=0))


def credit_once(message: dict[str, Any], session: Session) -> None:
    try:
        with session.begin():
            session.add(Processed(message_id=message["id"]))
            session.flush()
            session.execute(
                update(Account)
                .where(Account.id == message["account"])
                .values(balance=Account.balance + message["amount"])
            )
    except IntegrityError:
        pass


def looks_first(message: dict[str, Any], session: Session) -> None:
    """The mark is merged, so that no constraint says no."""
    with session.begin():
        if session.scalar(select(Processed).where(Processed.message_id == message["id"])) is None:
            account = session.get(Account, message["account"])
            assert account is not None
            account.balance = Account.balance + message["amount"]  # type: ignore[assignment]
    with session.begin():
        session.merge(Processed(message_id=message["id"]))


def credited(session: Session) -> bool:
    return session.scalar(select(Account.balance).where(Account.id == 666)) == 100
