"""A board resolved into orders: inputs, limits, prompts, identity, price. Writes nothing."""
