"""Work on columns that no query language owns: expansion along edges, values of properties, grouping, sorting."""
