"""Files are read in a process that has asked for nothing else yet."""

import subprocess
import sys

import pytest

import melpy
from melpy import layers

READ = "from melpy.saving import load_model; print(load_model({!r}).output_shape)"


@pytest.mark.parametrize("name", ["sequential.keras", "functional.keras", "functional.h5"])
def test_the_first_thing_may_be_a_file(tmp_path, name):
    path = str(tmp_path / name)
    inputs = melpy.Input((3,))
    rows = [inputs, layers.Dense(2)]
    sequential = name.startswith("s")
    model = melpy.Sequential(rows) if sequential else melpy.Model(inputs, rows[1](inputs))
    model.compile("sgd", "mse")
    model.save(path)
    made = subprocess.run(
        [sys.executable, "-c", READ.format(path)], capture_output=True, text=True, check=False
    )
    assert (made.stdout.strip(), made.stderr) == ("(None, 2)", "")
