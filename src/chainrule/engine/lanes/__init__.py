"""What kernels are written with: vectors of numbers, the processor's own functions, activations, losses, optimizers."""
