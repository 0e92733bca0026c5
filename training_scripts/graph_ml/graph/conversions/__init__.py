"""The processed graph as other libraries have it, and back: one function each way, one library a file.

What a form has no place for is said there. A graph that comes from elsewhere has the targets that were found in it,
with their splits; ``GraphData.write`` makes a folder of it that training reads, and ``tables.to_pandas`` the tables
that ``Workflow.load`` takes. Libraries are imported when a function is called.
"""
