"""Running a query: expressions over rows, patterns over the graph, clauses over tables."""
