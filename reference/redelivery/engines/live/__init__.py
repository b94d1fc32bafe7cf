"""Real brokers, and real processes that are killed: what a broker says of a duplicate. It shows, and proves nothing."""
