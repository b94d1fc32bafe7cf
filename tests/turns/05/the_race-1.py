ex.turn("the_race", "AAAA A!", check_credit_mark)
