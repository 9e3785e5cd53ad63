"""What a layer is made of is gathered once; every change of it shows at once."""

import copy
import pickle

import numpy as np
import pytest

import melpy
from melpy import layers, metrics
from melpy.layers.parts import Inventory

X = np.ones((2, 3), "float32")


class Box(layers.Layer):
    def __init__(self, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)

    def call(self, inputs):
        return inputs


def dense(units=1):
    layer = layers.Dense(units)
    layer.build((None, 3))
    return layer


def test_gathered_once():
    box = Box(a=dense(), b=[dense(), {"c": dense()}])
    assert len(box.weights) == 6
    kept = box._gathered()
    box(X)
    assert box._gathered() is kept
    box.count, box.array, box.words, box.note = 3, X, ("a", 1), None  # no parts, no new walk
    assert box._gathered() is kept


CHANGES = {
    "a new attribute": lambda box: setattr(box, "new", dense()),
    "another part": lambda box: setattr(box, "a", Box(inner=dense(), other=dense())),
    "a list is added to": lambda box: box.b.append(dense()),
    "a list is filled": lambda box: box.empty.append(dense()),
    "a dict is added to": lambda box: box.b[0].update(d=dense()),
    "a new list": lambda box: setattr(box, "new", [dense()]),
    "a tuple with a list": lambda box: box.pair[1].append(dense()),
    "a deep part": lambda box: setattr(box.inner, "deep", dense()),
    "a list in a deep part": lambda box: box.inner.b.append(dense()),
    "a list in a list's place": lambda box: setattr(box, "empty", [dense()]),
    "a weight": lambda box: [box.add_weight((1,), name="u"), box.add_weight((1,), name="v")],
}
LESS = {
    "an attribute is deleted": lambda box: delattr(box, "a"),
    "an attribute becomes None": lambda box: setattr(box, "a", None),
    "a list is emptied": lambda box: box.b.clear(),
    "a list is replaced": lambda box: setattr(box, "b", []),
}


@pytest.fixture
def box():
    return Box(a=dense(), b=[{"c": dense()}], empty=[], pair=("a", []), inner=Box(b=[]))


@pytest.mark.parametrize("change", CHANGES)
def test_more(box, change):
    before = box.weights
    CHANGES[change](box)
    assert len(box.weights) == len(before) + 2
    assert len({id(w) for w in box.weights}) == len(box.weights)


@pytest.mark.parametrize("change", LESS)
def test_less(box, change):
    before, inside = len(box.weights), len(box.layers_inside)
    LESS[change](box)
    assert len(box.weights) == before - 2
    assert len(box.layers_inside) == inside - 1


def test_freezing_shows():
    box = Box(a=dense(), b=dense())
    assert len(box.trainable_weights) == 4
    box.a.trainable = False
    assert len(box.trainable_weights) == 2
    assert len(box.non_trainable_weights) == 2
    box.trainable = False
    assert box.trainable_weights == []


def test_a_layer_built_later_shows():
    box = Box(a=layers.Dense(2))
    assert box.weights == []
    box.a(X)
    assert [w.shape for w in box.weights] == [(3, 2), (2,)]


def test_metrics_of_parts_and_of_models_inside():
    box = Box(a=Box(seen=metrics.Mean("seen")))
    assert [m.name for m in box.metrics] == ["seen"]
    box.more = metrics.Sum("more")
    assert [m.name for m in box.metrics] == ["more", "seen"]
    inner = melpy.Sequential([layers.Dense(1)])
    box.model = inner
    inner.compile("sgd", "mse", metrics=["mae"])
    inner.fit(X, X[:, :1], verbose=0)
    assert [m.name for m in box.metrics] == [
        "more",
        "seen",
    ]  # those of its own training are its own


def test_losses_of_parts():
    class Penalty(Box):
        def call(self, inputs):
            self.add_loss(melpy.ops.sum(inputs))
            return inputs

    class Outer(Box):
        def call(self, inputs):
            return self.a(inputs)

    outer = Outer(a=Penalty())
    for _ in range(2):  # those of the call before are forgotten
        outer(X)
        assert [float(loss) for loss in outer.losses] == [6.0]


def test_a_model_grows_and_shrinks():
    model = melpy.Sequential([melpy.Input((3,)), layers.Dense(2)])
    assert len(model.weights) == 2
    model.add(layers.Dense(4))
    assert len(model.weights) == 4
    model.pop()
    assert len(model.weights) == 2


@pytest.mark.parametrize("again", [copy.deepcopy, lambda box: pickle.loads(pickle.dumps(box))])
def test_a_copy_has_parts_of_its_own(again):
    layer = layers.Bidirectional(layers.LSTM(2))
    layer.build((None, None, 3))
    before = {id(w) for w in layer.weights}
    copied = again(layer)
    assert [w.path for w in copied.weights] == [w.path for w in layer.weights]
    assert not before & {id(w) for w in copied.weights}
    with pytest.raises(ValueError, match="'dense' comes after the layer was built"):
        copied.more = dense()
    grown = again(Box(a=dense()))
    grown.more = dense()
    assert len(grown.weights) == 4


def test_one_walk_serves_a_whole_training(monkeypatch):
    made = []
    start = Inventory.__init__
    monkeypatch.setattr(
        Inventory, "__init__", lambda self, owner: (made.append(owner), start(self, owner))[1]
    )
    model = melpy.Sequential([melpy.Input((3,)), *(layers.Dense(3) for _ in range(5))])
    model.compile("sgd", "mse", metrics=["mae"])
    model.fit(X, X, verbose=0)
    made.clear()
    model.fit(X, X, epochs=3, verbose=0)
    assert made.count(model) <= 2  # fit itself sets attributes
