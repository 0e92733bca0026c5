"""The order of commits: what makes them durable, reads them back, and lists them."""
