"""The steps of Gremlin, in families; ``facts`` is their table, ``builders`` finds what builds them."""
