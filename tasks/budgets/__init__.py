"""Money: totals, the ledger, and the limits that no submission may exceed."""
