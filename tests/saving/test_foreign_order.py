"""PyTorch flattens images as (C H W): whatever stands between them and a Dense, order is kept."""

import numpy as np
import pytest

import melpy
from melpy import layers, ops
from melpy.errors import UnsupportedError
from melpy.saving import load_foreign_weights

H, W, C, D = 2, 3, 4, 5
RNG = np.random.default_rng(0)
CONV = RNG.normal(size=(C, 2, 1, 1)).astype("float32")
DENSE = RNG.normal(size=(D, C * H * W)).astype("float32")
NORM = {n: RNG.uniform(0.5, 2, C * H * W).astype("float32")
        for n in ("weight", "bias", "running_mean", "running_var")}  # fmt: skip
BIAS = np.zeros(C, "float32"), np.zeros(D, "float32")

ENDS = {
    "Flatten": layers.Flatten(),
    "relu before": lambda x: layers.Flatten()(ops.relu(x)),
    "relu behind": lambda x: ops.relu(layers.Flatten()(x)),
    "a sum": lambda x: layers.Flatten()(x + x),
    "Reshape": layers.Reshape((-1,)),
    "an op": lambda x: ops.reshape(x, (-1, H * W * C)),
    "BatchNormalization": lambda x: layers.BatchNormalization(epsilon=1e-5, name="norm")(
        layers.Flatten()(x)
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_the_features_order(name, tmp_path):
    start = melpy.Input((H, W, 2))
    x = ENDS[name](layers.Conv2D(C, 1, name="conv")(start))
    model = melpy.Model(start, layers.Dense(D, name="dense")(x))
    arrays = {
        "conv.weight": CONV,
        "conv.bias": BIAS[0],
        "dense.weight": DENSE,
        "dense.bias": BIAS[1],
    }
    if "norm" in [layer.name for layer in model.layers]:
        arrays |= {f"norm.{kind}": array for kind, array in NORM.items()}
    np.savez(tmp_path / "w.npz", **arrays)
    load_foreign_weights(model, tmp_path / "w.npz", layout="torch")

    images = RNG.normal(size=(3, 2, H, W)).astype("float32")  # as PyTorch has them
    maps = np.einsum("dc,nchw->ndhw", CONV[:, :, 0, 0], images)
    maps = {"relu before": np.maximum(maps, 0), "a sum": 2 * maps}.get(name, maps)
    flat = maps.reshape(3, -1)
    if name == "relu behind":
        flat = np.maximum(flat, 0)
    if name == "BatchNormalization":
        flat = (flat - NORM["running_mean"]) / np.sqrt(NORM["running_var"] + 1e-5)
        flat = flat * NORM["weight"] + NORM["bias"]
    found = model.predict(np.moveaxis(images, 1, -1), verbose=0)
    np.testing.assert_allclose(found, flat @ DENSE.T, rtol=1e-3, atol=1e-4)


def test_an_order_that_is_not_seen_is_refused(tmp_path):
    start = melpy.Input((H, W, 2))
    inner = melpy.Sequential([melpy.Input((H, W, C)), layers.Flatten()], name="inner")
    x = inner(layers.Conv2D(C, 1, name="conv")(start))
    model = melpy.Model(start, layers.Dense(D, name="dense")(x))
    arrays = {
        "conv.weight": CONV,
        "conv.bias": BIAS[0],
        "dense.weight": DENSE,
        "dense.bias": BIAS[1],
    }
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(UnsupportedError, match=r"'inner'.*is not known here"):
        load_foreign_weights(model, tmp_path / "w.npz", layout="torch")


def test_a_gru_that_resets_before_is_refused(tmp_path):
    model = melpy.Sequential([melpy.Input((4, 2)), layers.GRU(3, reset_after=False, name="gru")])
    shapes = {
        "weight_ih_l0": (9, 2),
        "weight_hh_l0": (9, 3),
        "bias_ih_l0": (9,),
        "bias_hh_l0": (9,),
    }
    np.savez(tmp_path / "w.npz", **{f"gru.{k}": np.zeros(s, "float32") for k, s in shapes.items()})
    with pytest.raises(UnsupportedError, match="reset_after=True"):
        load_foreign_weights(model, tmp_path / "w.npz", layout="torch")
