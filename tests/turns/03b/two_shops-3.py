from random import Random

luck = Random(8)
ex.turn("two_shops", lambda shop, number: luck.random())
