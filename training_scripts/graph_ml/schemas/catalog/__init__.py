"""What projected graphs, algorithms and pipelines are described by, for the service and for the jobs that run them."""
