"""Turn a board into a plan: inputs, prompts, requests, chains, keys and prices. Writes nothing."""
