"""The Gremlin engine: text or bytecode in, one immutable traversal, an answer out."""
