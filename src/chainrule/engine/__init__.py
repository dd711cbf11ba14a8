"""The compiled engine: training and prediction as machine code. The layers' own NumPy code is the reference."""
