"""Projected graphs, pipelines and models by name, and the procedures over them.

Graphs are projected from the embedded graph into folders of arrays; algorithms, training and prediction run over these
folders in processes of their own. Pipelines and models are files, and survive a restart; projected graphs do not.
"""
