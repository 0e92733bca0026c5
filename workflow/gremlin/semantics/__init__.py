"""What values mean in Gremlin: types, equality and order, arithmetic, predicates, texts."""
