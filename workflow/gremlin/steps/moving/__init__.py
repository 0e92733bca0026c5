"""Steps that go from element to element: sources, edges and neighbours, paths."""
