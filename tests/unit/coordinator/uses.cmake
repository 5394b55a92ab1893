list(APPEND test_uses node simulation)
