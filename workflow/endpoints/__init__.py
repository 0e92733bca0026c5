"""Endpoints: what runs them, one file a driver, and the service that keeps them as their records say."""
