"""openCypher for clients: Neptune's HTTP and Bolt."""
