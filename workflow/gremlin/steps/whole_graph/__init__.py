"""Steps over a whole graph: vertex programs, files, services."""
