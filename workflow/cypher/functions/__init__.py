"""The functions of openCypher, one file a family."""
