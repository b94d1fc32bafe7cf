ex.turn("two_shops", lambda shop, number: f"{shop}{number}")
