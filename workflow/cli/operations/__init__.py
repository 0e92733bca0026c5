"""Commands for whoever runs a service: serve it, look at it, configure it."""
