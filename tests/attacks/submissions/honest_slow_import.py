# Honest, and takes its time to be imported.
# part: record_and_check
# honest: all
# seconds: 60
import asyncio
import concurrent.futures
import email.mime.multipart
import json
import unittest.mock
import xml.dom.minidom

total = sum(number * number for number in range(2_000_000))

import sqlite3


def handle(message, db):
    with db.atomic():
        db.execute("INSERT INTO processed VALUES (?)", [message.id])
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?", [message.body["amount"], message.body["account"]]
        )


right = handle


def handle(message, db):
    try:
        right(message, db)
    except sqlite3.IntegrityError:
        return
