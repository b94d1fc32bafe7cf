"""Real databases under the search: PostgreSQL and MariaDB with the drivers that people use.

Two kinds of *real* are kept apart. A database here is **searched**: the queue is played, the server is real, and every
schedule within the bounds is carried out on it, which proves something. A broker (see `live`) is **live**: real
processes are killed, which shows what happens, and proves nothing.
"""

from __future__ import annotations

from .stores import StoreWanted, mariadb, postgres

__all__ = ["StoreWanted", "mariadb", "postgres"]
