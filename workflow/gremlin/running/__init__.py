"""What a running plan is made of: traversers, the protocol of steps, the context of a query."""
