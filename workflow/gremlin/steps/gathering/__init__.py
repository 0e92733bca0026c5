"""Steps that take many traversers together: groups, orders, reductions, side effects."""
