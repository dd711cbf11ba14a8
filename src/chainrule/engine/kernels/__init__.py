"""What runs: one kernel a function, ``kernel(op, now)``; each file ends with its table ``KERNELS``.

``op`` is a row of the plan, words that say which buffers and shapes the kernel works on; ``now`` says what differs
from batch to batch. ``frame`` names both. A kernel does its share of the work: that of thread ``now[THREAD]`` out of
``now[THREADS]``. No sum is split between threads, so the numbers do not depend on how many there are.
"""
