"""Predictions on request: the endpoints' protocol, the service that asks them, and the drivers that run them."""
