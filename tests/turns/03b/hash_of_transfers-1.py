ex.turn("hash_of_transfers", claim_then_add, stored_balance)
