list(APPEND test_uses simulation_scenarios client)
