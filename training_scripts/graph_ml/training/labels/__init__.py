"""Training of classes and numbers of vertices and edges."""
