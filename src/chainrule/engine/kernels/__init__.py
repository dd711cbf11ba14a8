"""What runs: one kernel a function, ``kernel(instruction, context)``; each file ends with its table ``KERNELS``.

``instruction`` is a row of the plan: words that say which buffers and shapes the kernel works on, named by an
enumeration beside the kernel. ``context`` holds what differs from batch to batch
(``chainrule.engine.memory.Context``). A kernel does the part of its thread, ``context[Context.THREAD]`` out of
``context[Context.THREADS]`` (``work_split``). No sum is split between threads, so the numbers do not depend on how
many there are.
"""
