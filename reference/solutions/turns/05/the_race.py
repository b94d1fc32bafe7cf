my_schedule = "AAA +A BBB"
ex.turn("the_race", my_schedule, check_credit_mark)
