"""What the numbers were measured with: processor, libraries, compiler; nothing that names the machine."""

import os
import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGES = ("chainrule", "numpy", "scipy", "numba", "llvmlite", "torch", "jax", "scikit-learn")


def environment() -> dict[str, str]:
    """A word or two on each."""
    found = {"processor": processor(), "processors": str(os.cpu_count()), "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found | {"C compiler": compiler(), "system": platform.system()}


def processor() -> str:
    """Its name, and the widest vectors that it says it has."""
    information = Path("/proc/cpuinfo")
    if not information.exists():
        return platform.processor() or platform.machine()
    lines = [line.partition(":") for line in information.read_text().splitlines()]
    told = {key.strip(): value.strip() for key, _, value in lines}
    flags = told.get("flags", "").split()
    widest = next((name for flag, name in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in flags), "")
    family = f"family {told['cpu family']} model {told['model']}" if "cpu family" in told else ""
    return ", ".join(part for part in (told.get("model name", platform.machine()), family, widest) if part)


def compiler() -> str:
    """The first line that the system's C compiler says of itself."""
    if not shutil.which("cc"):
        return "not installed"
    return subprocess.run(["cc", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
