"""The machine and the software that a run was made with."""

import hashlib
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

PACKAGES = ("deltarule", "numpy", "torch", "jax", "jaxlib", "scikit-learn", "onnxruntime")


def physical_cpus():
    """One CPU of each core that this process may use."""
    if not hasattr(os, "sched_getaffinity"):
        return list(range(os.cpu_count() or 1))
    cores = {}
    for cpu in sorted(os.sched_getaffinity(0)):
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        core = siblings.read_text() if siblings.exists() else cpu
        cores.setdefault(core, cpu)
    return list(cores.values())


def describe(packages=PACKAGES):
    """What a reader needs to know to place the numbers."""
    return {
        "cpu": _cpu_model(),
        "cores": len(physical_cpus()),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": platform.platform(),
        "compiler": _first_line([os.environ.get("CXX", "c++"), "--version"]),
        "python": platform.python_version(),
        "packages": _versions(packages),
        **_deltarule(),
        "load_at_start": os.getloadavg()[0],
    }


def _cpu_model():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:
        return platform.processor()
    fields = dict(map(str.strip, line.split(":", 1)) for line in lines if ":" in line)
    model = fields.get("model name", platform.machine())
    if {"cpu family", "model"} <= fields.keys():  # virtual machines hide the product's name
        model += f" (family {fields['cpu family']}, model {fields['model']})"
    return model


def _first_line(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.splitlines()[0]


def _versions(packages):
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return versions


def _deltarule():
    """Which build was measured: a version number does not tell one checkout from the next."""
    try:
        import deltarule
    except ImportError as error:
        return {"deltarule_isa": f"does not import: {error}"}
    directory = Path(deltarule.__file__).parent
    digest = hashlib.sha256()
    core = Path(deltarule._core.__file__)
    rooms = os.walk(directory, followlinks=True)
    sources = (Path(room, name) for room, _, names in rooms for name in names)
    for path in [*sorted(path for path in sources if path.suffix == ".py"), core]:
        digest.update(path.read_bytes())
    return {
        "deltarule_isa": deltarule.isa(),
        "deltarule_path": str(directory),
        "deltarule_sha256": digest.hexdigest(),
    }
