"""The steps of a run, each in its own package. `flows` decides in what order they happen."""
