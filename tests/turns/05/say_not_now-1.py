ex.turn("say_not_now", check_credit_mark)
