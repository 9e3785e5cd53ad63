"""Every kernel is found in the room that defines it, and in no other."""

import importlib
import inspect
import re

import pytest

from melpy.kernels import dispatch

NAMES = re.findall(r'_kernel\("(\w+)"\)', inspect.getsource(dispatch))


@pytest.mark.parametrize("chosen", dispatch.ROOMS)
def test_one_room_of_a_set_defines_a_kernel_and_that_one_is_found(chosen):
    if chosen == "compiled":
        pytest.importorskip("numba")
    assert len(NAMES) > 50
    rooms = [importlib.import_module(f"melpy.kernels.{room}") for room in dispatch.ROOMS[chosen]]
    for name in NAMES:
        own = [
            vars(room)[name] for room in rooms
            if name in vars(room) and vars(room)[name].__module__ == room.__name__
        ]  # fmt: skip
        assert len(own) <= 1, name
        found = dispatch._find(chosen, name)
        if own:
            assert found is own[0]
        else:
            assert found.__module__.startswith(("melpy.kernels.spec", "melpy.kernels.volumes"))


def test_a_name_that_a_room_imports_hides_no_kernel(monkeypatch):
    from melpy.kernels.spec import copying, matmul

    monkeypatch.setattr(matmul, "add_rows", lambda *args: None, raising=False)
    dispatch._find.cache_clear()
    assert dispatch._find("numpy", "add_rows") is copying.add_rows
    dispatch._find.cache_clear()
