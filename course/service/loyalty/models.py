"""Customers and their points."""

from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customer"
    name: Mapped[str] = mapped_column(primary_key=True)
    points: Mapped[int] = mapped_column(default=0)


class Granted(Base):
    __tablename__ = "granted"
    message_id: Mapped[str] = mapped_column(primary_key=True)


engine = create_engine("sqlite:///loyalty.db")
Session = sessionmaker(engine)
