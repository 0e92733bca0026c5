"""When things came to be, splits that follow it, and what is asked of the future."""
