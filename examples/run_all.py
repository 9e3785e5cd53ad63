"""Run every example in a process of its own; write results.json and the table of README.md from it.

python examples/run_all.py [--table]      --table writes only the table again
"""

import importlib
import json
import multiprocessing
import sys
import time
from pathlib import Path
from typing import Any

from melpy.experiments.machine import machine

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
NAMES = (
    "iris", "titanic", "diabetes", "fibonacci", "shakespeare", "lenet5_mnist",
    "resnet20_cifar10", "transfer", "autoencoder", "custom_loop",
)  # fmt: skip
BEGIN, END = "<!-- table: written by run_all.py -->", "<!-- end of the table -->"


def run(name: str) -> dict[str, Any]:
    """Run one example; return its seconds, with the import of melpy, and its figures."""
    sys.path.insert(0, str(HERE))
    sys.argv = [name, "--download"]  # the figures are those of the real images
    begin = time.perf_counter()
    print(f"\n== {name}\n", flush=True)
    figures = importlib.import_module(name).main()
    return {"seconds": round(time.perf_counter() - begin, 1), "figures": figures}


def shows(name: str) -> str:
    """Return the first line of an example's docstring."""
    return (HERE / f"{name}.py").read_text(encoding="utf-8").split('"""')[1].splitlines()[0]


def table() -> str:
    """Return the results as a table in Markdown."""
    told = json.loads(RESULTS.read_text(encoding="utf-8"))["examples"]
    lines = ["| Example | Shows | Seconds | Figures |", "|---|---|---:|---|"]
    for name in NAMES:
        figures = "; ".join(
            f"{key.replace('_', ' ')} {value:,}" if isinstance(value, int)
            else f"{key.replace('_', ' ')} {value:.4g}"
            for key, value in told[name]["figures"].items()
        )  # fmt: skip
        seconds = told[name]["seconds"]
        lines.append(f"| [{name}]({name}.py) | {shows(name)} | {seconds:.0f} | {figures} |")
    return "\n".join(lines)


def main() -> None:
    """Run, unless only the table is asked for, and write."""
    if "--table" not in sys.argv[1:]:
        results = {}
        for name in NAMES:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                results[name] = pool.apply(run, (name,))
        told = {"machine": machine(), "examples": results}
        RESULTS.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    page = HERE / "README.md"
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
