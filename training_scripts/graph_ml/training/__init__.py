"""From a processed graph to a model folder: problems, losses, evaluation, one trial."""
