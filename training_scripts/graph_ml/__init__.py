"""Graph machine learning over folders: data, features, models, training and scoring; it knows of no service."""
