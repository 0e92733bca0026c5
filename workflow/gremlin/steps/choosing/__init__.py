"""Steps that let some traversers pass: filters, predicates, ranges, patterns."""
