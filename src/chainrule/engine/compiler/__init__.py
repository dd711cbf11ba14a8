"""From Python functions of addresses to machine code: compiled once, kept on disk, loaded by LLVM alone."""
