"""The command line: `main`, and one module per command, named as it is typed."""
