"""Who is told of jobs that begin and end: MLflow, and whoever reads OpenLineage. Off unless an address is set."""
