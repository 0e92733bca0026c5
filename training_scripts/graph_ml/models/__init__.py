"""What models are made of: the pair ranker, graph encoders and decoders."""
