"""Words are looked at before any work: what a file or a call says wrong, each in a sentence with its place."""
