"""The notebook extension: ``%load_ext workflow.notebook``.

Points graph-notebook's magics at the service in one line (by itself it does not take ``localhost`` for Neptune), and
adds ``%despina`` for what they lack. Without graph-notebook, ``%despina`` alone.
"""

from workflow.notebook.extension import load_ipython_extension, unload_ipython_extension

__all__ = ["load_ipython_extension", "unload_ipython_extension"]
