list(APPEND test_uses record wire client controller)
