"""Every kernel is found in the room that defines it, and in no other."""

import importlib
import inspect
import re

import numpy as np
import pytest

import melpy
from melpy import config, layers
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
            if name in vars(room)
            and (name in getattr(room, "__all__", ())
                 or vars(room)[name].__module__ == room.__name__)
        ]  # fmt: skip
        assert len(own) <= 1, name
        found = dispatch._find(chosen, name)
        if own:
            assert found is own[0]
        else:
            assert found.__module__.startswith(("melpy.kernels.spec", "melpy.kernels.volumes"))


@pytest.mark.parametrize("chosen", ["loops", "im2col"])
@pytest.mark.parametrize(
    ("layer", "shape"), [(layers.Conv1D(2, 2), (1, 4, 3)), (layers.Conv2D(2, 2), (1, 4, 4, 3))]
)
def test_layers_convolve_by_the_chosen_kernels(chosen, layer, shape, monkeypatch):
    room, run = importlib.import_module(f"melpy.kernels.spec.conv_{chosen}"), []

    def noting(name, own):
        return lambda *args: [run.append(name), own(*args)][1]

    for name in ("conv2d", "conv2d_d_x", "conv2d_d_w"):
        monkeypatch.setattr(room, name, noting(name, getattr(room, name)))
    model = melpy.Sequential([layers.Dense(3), layer])
    model.compile("sgd", "mse")
    with config.using_kernels(chosen):
        model.train_on_batch(np.ones(shape, "float32"), np.zeros(layer(np.ones(shape)).shape))
    assert {"conv2d", "conv2d_d_x", "conv2d_d_w"} == set(run)


def test_a_name_that_a_room_imports_hides_no_kernel(monkeypatch):
    from melpy.kernels.spec import copying, matmul

    monkeypatch.setattr(matmul, "add_rows", lambda *args: None, raising=False)
    dispatch._find.cache_clear()
    assert dispatch._find("numpy", "add_rows") is copying.add_rows
    dispatch._find.cache_clear()
