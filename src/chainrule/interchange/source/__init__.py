"""Lines of source code for the parts of a network, for the NumPy program."""
