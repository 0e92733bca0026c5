"""From a traversal to a plan: source instructions, strategies, compilation, and better plans for the same answers."""
