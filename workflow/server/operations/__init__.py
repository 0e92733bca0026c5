"""What an operator needs of a running service: health, metrics, logs."""
