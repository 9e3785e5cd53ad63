"""The kernels as other CPUs run them: tiles of narrower vectors and of other heights, forced.

A process a kind of CPU, since Numba compiles for one: that is what these tests take their time for.
Tiles of AVX-512 are what all other tests run where the CPU has it.
On another machine, or under an emulator, `other_cpus.py` runs by itself, too.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")

HERE = Path(__file__).parent
KINDS = {  # of CPU: its features, and its vector's bytes, its tile's rows, whether it fuses
    "haswell": ("+avx,+avx2,+fma", "32 6 True"),
    "nehalem": ("+sse2,+sse3,+ssse3,+sse4.1,+sse4.2", "16 6 False"),
}  # fmt: skip
CHECKS = """
import other_cpus
from numba import types
other_cpus.main()
product = other_cpus.tile._products[types.float32]._library
print("fma" in product.get_asm_str())  # without the instruction, each would call C's fmaf
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux" or os.uname().machine != "x86_64", reason="x86's CPUs")
@pytest.mark.parametrize("name", KINDS)
def test_kernels_agree_with_their_specification(tmp_path, name):
    features, expected = KINDS[name]
    environment = os.environ | {
        "NUMBA_CPU_NAME": name,
        "NUMBA_CPU_FEATURES": features,
        "NUMBA_CACHE_DIR": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(map(str, (HERE.parents[1], HERE))),
    }
    ran = subprocess.run(
        [sys.executable, "-c", CHECKS], env=environment, capture_output=True, text=True
    )
    tile, fuses = expected, expected.split()[2]
    assert ran.stdout == f"{tile}\n{fuses}\n", ran.stderr


ARM = """
import re
from llvmlite import binding
binding.get_default_triple = lambda: "aarch64-unknown-linux-gnu"
from melpy.kernels.compiled import tile
print(tile.VECTOR_BYTES, tile.ROWS, tile.FUSED)
binding.initialize_all_targets()
binding.initialize_all_asmprinters()
arm = binding.Target.from_triple("aarch64-unknown-linux-gnu").create_target_machine(opt=3)
from numba import types
tile._compile_product(types.float32)
lines = tile._products[types.float32]._library.get_llvm_str().splitlines()
lines = [line for line in lines if not line.startswith(("target ", "attributes "))]
code = re.sub(r" #\\d+", "", "\\n".join(lines))
assembly = arm.emit_assembly(binding.parse_assembly(code))
print(len(re.findall(r"\\bfmla\\s+v\\d+\\.4s", assembly)) >= 8 * 2)
"""


@pytest.mark.skipif(sys.platform != "linux" or os.uname().machine != "x86_64", reason="x86's CPUs")
def test_arms_tile_becomes_arms_vectors(tmp_path):
    """NEON's tile is compiled for its machine and looked at; only an emulator could run it here."""
    environment = os.environ | {
        "NUMBA_CPU_NAME": "x86-64",
        "NUMBA_CPU_FEATURES": "+sse2",
        "NUMBA_CACHE_DIR": str(tmp_path),
        "PYTHONPATH": str(HERE.parents[1]),
    }
    ran = subprocess.run(
        [sys.executable, "-c", ARM], env=environment, capture_output=True, text=True
    )
    assert ran.stdout == "16 8 True\nTrue\n", ran.stderr
