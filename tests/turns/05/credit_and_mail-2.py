ex.turn("credit_and_mail", claim_first)
