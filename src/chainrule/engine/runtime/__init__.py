"""Running kernels: memory layout, the plan of a pass, sessions, predictors, threads."""
