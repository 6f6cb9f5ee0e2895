"""Read `shotchain.toml`: budgets, rates, limits, prices and gateways."""
