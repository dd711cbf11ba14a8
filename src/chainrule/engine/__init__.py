"""How updates are executed: the layers' own NumPy is the reference; here is its compiled form."""
