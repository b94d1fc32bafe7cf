ex.turn("the_race", "A +A BBB", check_credit_mark)
