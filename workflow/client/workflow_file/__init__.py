"""The file that describes a workflow: how it is read and checked, and how one is suggested from a graph."""
