ex.turn("log_and_go_on", lambda message: None)
