"""From the tree of a query to what runs: checks first, then steps."""
