"""How good a model is: metrics, ranks, floors, and the report that tells of them."""
