ex.turn("duplicates_before", "SELECT transfer_id, account FROM ledger GROUP BY transfer_id, account HAVING count(*) = 2")
