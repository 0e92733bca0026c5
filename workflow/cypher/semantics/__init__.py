"""What values mean in openCypher: paths, the four relations between values, arithmetic, text."""
