"""Pure mathematics of networks: rows of activations, losses and initialisers, layers, the chain of derivatives."""
