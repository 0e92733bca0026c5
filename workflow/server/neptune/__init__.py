"""Neptune's data API over HTTP, but for queries: machine learning, loader, export, status."""
