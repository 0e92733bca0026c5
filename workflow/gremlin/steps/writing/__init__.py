"""Steps that change the graph."""
