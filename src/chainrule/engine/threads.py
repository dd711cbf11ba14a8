"""How many threads share some work: those that were asked for, or as many as pay and as this process may use."""

import os
from pathlib import Path

from chainrule.core.layers.checks import check_count
from chainrule.engine.runtime.blas_threads import pools

THREADED_PRODUCTS = 1_000_000
"""Multiply-adds of an update from which a second thread pays: about 50 us of work for one."""


def threads_for(wanted: int | None, work: int) -> int:
    """How many threads share ``work`` multiply-adds between two barriers: those asked for, or as many as pay."""
    if wanted is not None:
        return check_count("threads", wanted)
    if work < THREADED_PRODUCTS:
        return 1
    return max(1, min(available_threads(), work // THREADED_PRODUCTS + 1))


def available_threads() -> int:
    """Processors that this process may use: by affinity, by a container's quota, by threadpoolctl's limits."""
    counts = [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1]
    counts += [quota] if (quota := _quota()) else []
    counts += [pool["num_threads"] for pool in pools().info() if pool["user_api"] in ("blas", "openmp")]
    return max(1, min(counts))


def _quota(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Processors that a Linux control group grants, rounded up; None without a limit."""
    for name in ("cpu.max", "cpu/cpu.cfs_quota_us"):
        try:
            limit = (root / name).read_text(encoding="ascii").split()
            period = limit[1] if len(limit) > 1 else (root / "cpu/cpu.cfs_period_us").read_text(encoding="ascii")
        except OSError:
            continue
        if limit[0] == "max" or int(limit[0]) <= 0:
            return None
        return max(1, -(-int(limit[0]) // int(period)))
    return None
