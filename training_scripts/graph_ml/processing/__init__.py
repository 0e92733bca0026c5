"""The data-processing job: an export becomes a graph, features, labels and splits."""
