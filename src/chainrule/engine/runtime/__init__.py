"""What runs kernels: where numbers lie, the plan of a pass, sessions, predictors, threads."""
