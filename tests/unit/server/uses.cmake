list(APPEND test_uses simulation)
