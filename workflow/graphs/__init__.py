"""Sources of property graphs: the embedded store, remote databases, files."""
