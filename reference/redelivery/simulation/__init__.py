"""One run: processes, a redelivering queue and real stores, one operation at a time."""
