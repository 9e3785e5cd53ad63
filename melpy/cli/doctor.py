"""melpy doctor: what melpy finds on this machine, and what is to be mended."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from melpy import config
from melpy.cli.output import Output, table
from melpy.cli.parsing import STOPPED, add_command
from melpy.errors import MelpyError

__all__ = ["Finding", "examined", "parser", "run"]

EXAMPLES = (
    ("melpy doctor", "versions, processor, kernels, cache, data sets, and what to mend"),
    ("melpy doctor --quiet && melpy train", "go on only where all is well"),
    ("melpy doctor --json", "for a report of a fault"),
)
FEATURES = ("sse2", "avx", "avx2", "fma", "avx512f", "amx_tile", "neon", "asimd", "sve")
CORE = {  # packages that come with melpy wherever they can be had, and what they are for
    "numba": "the compiled kernels, several times as fast as NumPy's",
    "h5py": ".keras and .h5 files, so that models can be saved",
    "safetensors": ".safetensors files",
}
EXTRAS = {  # packages that some need: the extra that brings each, and what it is for
    "pillow": ("images", "image files"),
    "matplotlib": ("plots", "pictures of runs"),
    "onnx": ("onnx", "ONNX files"),
    "onnxruntime": ("", "melpy bench beside it"),
    "scikit-learn": ("sklearn", "melpy.wrappers"),
    "tensorboard": ("tensorboard", "the TensorBoard callback"),
}


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    what : str
    found : str
    mend : str, what to do; empty where all is well
    """

    what: str
    found: str
    mend: str = ""


def parser(commands: Any) -> None:
    """Say what the command takes."""
    add_command(
        commands, "doctor", run,
        help="look at this installation and say what to mend",
        description="Look at versions, the processor, threads, kernels and their cache, data sets "
        "and settings, and say what is to be mended.",
        examples=EXAMPLES,
        codes=f"0 where all is well, 1 where something is to be mended, {STOPPED}",
    )  # fmt: skip


def run(arguments: argparse.Namespace, out: Output) -> int:
    """Look, and tell."""
    findings = examined()
    wrong = [one for one in findings if one.mend]
    if out.is_json:
        rows = [dataclasses.asdict(one) for one in findings]
        out.json({"is_well": not wrong, "findings": rows})
    else:
        out.say(table(["what", "found"], [[one.what, one.found] for one in findings]) + "\n")
        for one in wrong:
            out.write(f"{one.what}: {one.found}. {one.mend}")
        if not wrong:
            out.write("All is well.")
    return 1 if wrong else 0


def examined() -> list[Finding]:
    """Return all that was looked at."""
    return [*_machine(), *_packages(), *_settings(), *_kernels(), *_data()]


def _machine() -> Iterator[Finding]:
    from melpy.experiments.machine import machine

    told = machine()
    for name in ("melpy", "python", "numpy"):
        yield Finding(name, told["versions"][name])
    yield Finding("system", told["system"])
    yield Finding("processor", told["processor"])
    yield Finding("processor's features", ", ".join(_features()) or "unknown")


def _features() -> list[str]:
    """Return those of the processor's features that kernels can use."""
    path = Path("/proc/cpuinfo")
    if path.is_file():
        lines = path.read_text().splitlines()
        flags = next((x for x in lines if x.startswith(("flags", "Features"))), "").split()
        return [name for name in FEATURES if name in flags]
    try:
        from llvmlite import binding
    except ImportError:
        return []
    known = binding.get_host_cpu_features()
    return [name for name in FEATURES if known.get(name)]


def _packages() -> Iterator[Finding]:
    for name, use in CORE.items():
        mend = f"It is for {use}: pip install {name}."
        version = _version(name)
        yield Finding(name, version or "not installed", "" if version else mend)
    for name, (extra, use) in EXTRAS.items():
        how = f"extra [{extra}], " if extra else ""
        yield Finding(name, _version(name) or f"not installed ({how}for {use})")


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _read(what: str, setting: Callable[[], Any], shown: Callable[[Any], str]) -> Finding:
    """Return a setting, or what is wrong with the variable that it comes from."""
    try:
        return Finding(what, shown(setting()))
    except MelpyError as error:
        return Finding(what, error.what, f"{error.who} is to be {error.expected}, or unset.")


def _settings() -> Iterator[Finding]:
    cpus = config.usable_cpus()
    found = _read("threads", config.threads, lambda n: f"{n} on {cpus} usable CPUs")
    if not found.mend and config.threads() > cpus:
        mend = "They take turns. Unset MELPY_NUM_THREADS, or set it to no more than there are CPUs."
        found = dataclasses.replace(found, mend=mend)
    yield found
    yield _read("kernels", config.kernels, str)
    yield _read("most epochs", config.max_epochs, lambda n: "no limit" if n is None else str(n))


def _kernels() -> Iterator[Finding]:
    """Try a compiled kernel beside the one in NumPy, and look where it is kept."""
    import numpy as np

    from melpy.kernels import dispatch

    if _version("numba") is None:
        return
    try:
        a, b = np.random.default_rng(0).normal(size=(2, 33, 33)).astype(np.float32)
        ours, spec = (dispatch._find(kind, "matmul")(a, b) for kind in ("compiled", "numpy"))
    except Exception as error:  # whatever Numba or the compiler has to say
        yield Finding("compiled kernels", f"fail ({error})", "Install Numba anew, or set "
                      "MELPY_KERNELS=numpy.")  # fmt: skip
        return
    apart = float(np.abs(ours - spec).max())
    right = apart < 1e-4
    yield Finding(
        "compiled kernels", f"{'right' if right else 'WRONG'}, to {apart:.1g} of NumPy's",
        "" if right else "Set MELPY_KERNELS=numpy, and report this.",
    )  # fmt: skip
    folder = dispatch.cache_folder()
    if folder is None:
        yield Finding("their cache", "no folder can be written: each process compiles anew",
                      "Set NUMBA_CACHE_DIR to a folder that can be written.")  # fmt: skip
        return
    files = list(Path(folder).glob("*.nbc"))
    size = sum(path.stat().st_size for path in files) / 2**20
    yield Finding("their cache", f"{len(files)} kernels, {size:.0f} MB in {folder}")


def _data() -> Iterator[Finding]:
    from melpy import datasets

    folder = config.home() / "datasets"
    there = next(path for path in (folder, *folder.parents) if path.exists())
    writable = there.is_dir() and os.access(there, os.W_OK)
    yield Finding(
        "data sets", str(folder) if writable else f"{folder} cannot be written",
        "" if writable else "Set MELPY_HOME to a folder that can be.",
    )  # fmt: skip
    for name in datasets.DATASETS:
        here = datasets.status(name).here
        yield Finding(f"  {name}", "here" if here else f"not here: melpy datasets get {name}")
