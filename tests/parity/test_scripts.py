"""Ten scripts written for Keras 3 run on both libraries with only the import changed, and agree."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.parity

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))
ROOT = Path(__file__).parents[2]

RUN = """
import json, sys
from pathlib import Path
import numpy as np

library = sys.argv[1]
if library == "melpy":
    import melpy, melpy.utils
    sys.modules["keras"] = melpy

def plain(x):
    if isinstance(x, dict):
        return {k: plain(v) for k, v in sorted(x.items())}
    if isinstance(x, list | tuple):
        return [plain(v) for v in x]
    return x if isinstance(x, str) else np.asarray(x, dtype="float64").tolist()

for path in sys.argv[2:]:
    space = {"__name__": "__main__"}
    code = Path(path).read_text()
    if library == "melpy":
        code = code.replace("import keras\\n", "import melpy as keras\\n")
    exec(compile(code, path, "exec"), space)
    print("RESULT", json.dumps([Path(path).stem, plain(space["result"])]))
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Return what each script ended with, by library and script."""
    pytest.importorskip("keras", reason="needs Keras: sh tools/env.sh parity")
    pytest.importorskip("torch", reason="the scripts' own training steps need a backend with one")
    folder = tmp_path_factory.mktemp("scripts")
    found = {}
    for library in ("melpy", "keras"):
        environment = {**os.environ, "KERAS_BACKEND": "torch", "PYTHONPATH": str(ROOT)}
        run = subprocess.run(
            [sys.executable, "-c", RUN, library, *map(str, SCRIPTS)],
            capture_output=True, text=True, cwd=folder, env=environment, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr[-3000:]
        lines = [x[7:] for x in run.stdout.splitlines() if x.startswith("RESULT ")]
        found[library] = dict(map(json.loads, lines))
    return found


def flat(x, path=""):
    """Yield (path, value) of every number and string."""
    if isinstance(x, dict):
        for key, value in x.items():
            yield from flat(value, f"{path}.{key}")
    elif isinstance(x, list):
        for n, value in enumerate(x):
            yield from flat(value, f"{path}[{n}]")
    else:
        yield path, x


@pytest.mark.parametrize("name", [path.stem for path in SCRIPTS])
def test_script(results, name):
    ours, theirs = (dict(flat(results[library][name])) for library in ("melpy", "keras"))
    assert ours.keys() == theirs.keys()
    for path, value in theirs.items():
        if isinstance(value, str):
            assert ours[path] == value, path
        else:
            np.testing.assert_allclose(ours[path], value, rtol=2e-4, atol=2e-5, err_msg=path)


def test_there_are_ten():
    assert len(SCRIPTS) == 10
