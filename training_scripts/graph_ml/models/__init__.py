"""Model families, one file each: ``graph``, ``knowledge``, ``ranking``; and what they are built on.

A family declares itself as ``FAMILY`` (``family.py``), with its hyperparameters (``settings.py``); its line in
``schemas/families`` is its only other mention. ``network`` makes a graph network of a formula, ``link_scorers`` and
``network.heads`` answer when a model is served.
"""
