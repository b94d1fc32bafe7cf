DUPLICATES = "SELECT transfer_id, account FROM ledger GROUP BY transfer_id, account HAVING count(*) > 1"
ex.turn("duplicates_before", DUPLICATES)
