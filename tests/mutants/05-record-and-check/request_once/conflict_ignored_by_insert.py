# diagnosis: ignored-count
import uuid
from dataclasses import asdict, dataclass, field


@dataclass
class Intent:
    order_id: str
    key: str = field(default_factory=lambda: uuid.uuid4().hex)


def pay(order_id, amount, db, send):
    intent = Intent(order_id)
    db["intent"].insert(asdict(intent), ignore=True)  # here
    send(intent.key, order_id, amount)  # here
