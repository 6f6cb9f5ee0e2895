"""Read `shotchain.toml`: budgets, exchange rates, limits, prices and gateways."""
