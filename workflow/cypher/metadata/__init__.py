"""What queries ask of the service itself, as tools of Neo4j do: labels, types and keys, and lists of what there is."""
