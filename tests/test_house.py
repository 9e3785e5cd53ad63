"""The house: imports point down only, files stay short, an import is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "melpy"
ROOT = PACKAGE.parent

# From the ground up. A room may import rooms of its own floor and of the floors below it.
FLOORS = [
    ["clock", "errors", "job", "part", "files", "tree", "strings", "tables", "heatmap"],
    ["custom", "generators", "names"],
    ["config", "configurable", "dtype_policies", "mixed_precision", "budget", "op_budget"],
    ["kernels"],
    ["vjps", "tape"],
    ["extrapolation", "probing"],
    ["symbolic", "foreign"],
    ["ops"],
    ["tensor", "differentiation", "operation", "activations", "random"],
    ["distribution"],
    ["constraints", "initializers", "regularizers"],
    ["layers"],
    ["viz", "losses", "schedules", "optimizers", "preprocessing", "datasets", "data"],
    ["metrics", "saving"],
    ["callbacks"],
    ["models"],
    ["distillation", "testing", "utils", "wrappers"],
    ["backend"],
    ["experiments", "warm_up"],
    ["lab"],
    ["cli", "__main__"],
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports_of(path):
    """Yield (room, line) of every import of melpy in a file, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which room is meant"
            if node.module == "melpy":
                modules = [f"melpy.{alias.name}" for alias in node.names]
            else:
                modules = [node.module or ""]
        else:
            continue
        for module in modules:
            if module.startswith("melpy."):
                yield module.split(".")[1], node.lineno


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    room = room_of(path)
    if room == "__init__":
        return
    assert room in FLOOR, f"{room} stands on no floor: say in FLOORS where it belongs"
    for imported, line in imports_of(path):
        if imported.startswith("__"):  # the version number
            continue
        assert FLOOR[imported] <= FLOOR[room], f"{path}:{line} imports {imported}, which is above"


def test_rooms_of_one_floor_do_not_import_each_other_in_a_circle():
    arrows = {
        room: {other for path in FILES if room_of(path) == room for other, _ in imports_of(path)}
        - {room}
        for room in FLOOR
    }
    done: set[str] = set()

    def walk(room, trail):
        assert room not in trail, f"a circle: {' -> '.join([*trail, room])}"
        if room not in done:
            for other in arrows.get(room, ()):
                walk(other, [*trail, room])
            done.add(room)

    for room in FLOOR:
        walk(room, [])


def test_kernels_know_no_tensor_and_the_tape_knows_no_op():
    for path in (PACKAGE / "kernels").rglob("*.py"):
        assert {room for room, _ in imports_of(path)} <= {"kernels", "config", "errors"}, path
    known = {"clock", "errors", "kernels", "part", "vjps"}
    assert {room for room, _ in imports_of(PACKAGE / "tape.py")} == known


EMITTERS = {"emission", "tile", "winners", "squares", "team", "loops"}  # of LLVM's code


def test_who_emits_code_runs_text_and_reaches_into_numba():
    """All else is Python that Numba compiles as it stands."""
    for path in (PACKAGE / "kernels").rglob("*.py"):
        text = path.read_text()
        assert path.stem in EMITTERS or "import ir" not in text, path
        assert path.stem == "team" or "exec(" not in text, path
        private = "numba.core.codegen", "numba.core.compiler", "._cache"
        assert path.stem == "numba_private" or not any(word in text for word in private), path


MOST_ARGUMENTS = 9  # beside part, first and last


def test_kernels_take_records_instead_of_many_arguments():
    for path in (PACKAGE / "kernels" / "compiled").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and any(
                isinstance(x, ast.Name) and x.id in ("for_team", "compiled")
                for x in node.decorator_list
            ):
                names = [x.arg for x in node.args.args]
                names = [x for x in names if x not in ("part", "first", "last")]
                assert len(names) <= MOST_ARGUMENTS, f"{path}:{node.lineno} {node.name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_has_at_most_400_lines(path):
    assert len(path.read_text().splitlines()) <= 400


def test_what_importing_loads():
    """How long it takes is measured by .ci/run: no test depends on the clock."""
    tool = ROOT / "tools" / "budgets.py"
    run = subprocess.run([sys.executable, tool, "--untimed"], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_no_assert_for_users():
    """Asserts vanish under python -O: the library raises. melpy.testing is for tests."""
    for path in FILES:
        if path.name == "testing.py":
            continue
        found = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Assert)]
        assert not found, f"{path}:{found[0].lineno}"
