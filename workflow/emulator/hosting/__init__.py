"""Models, endpoint configurations and endpoints, and the runtime through which endpoints are asked."""
