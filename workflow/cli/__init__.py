"""The command ``despina``: one module a noun, printing in ``output`` alone."""
