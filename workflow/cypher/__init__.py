"""openCypher: a second language over the same graphs."""
