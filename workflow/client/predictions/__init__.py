"""Predictions as tables: asked of an endpoint, or read from the artefacts of a trained model."""
