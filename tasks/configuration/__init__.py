"""`shotchain.toml`: budgets, rates, limits, prices and gateways, read and checked."""
