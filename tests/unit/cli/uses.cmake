list(APPEND test_uses record wire client controller)
list(APPEND test_uses simulation)
