"""Real databases and real brokers."""
