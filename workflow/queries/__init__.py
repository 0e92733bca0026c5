"""What running a query needs, whatever its language."""
