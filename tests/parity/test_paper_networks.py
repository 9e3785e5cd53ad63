"""The paper's two drawn networks train as in Keras: same weights, same batches, same losses."""

import numpy as np
import pytest

import melpy
from melpy import datasets
from melpy.experiments import architectures, images

pytestmark = pytest.mark.parity

STEPS = 10
NETWORKS = [("mnist-3", "mnist", (28, 28, 1)), ("cifar-7", "cifar-10", (32, 32, 3))]


def batches(dataset, shape, batch_size):
    """Return the first batches of the data set, standardized; noise where it is not at home."""
    count = STEPS * batch_size
    if datasets.status(dataset).here:
        (x, y), _ = datasets.load(dataset)
        x, source = images.Pixels.fit(x).transform(x[:count]), "real images"
        y = y[:count].reshape(-1)
    else:
        rng = np.random.default_rng(0)
        x, source = rng.normal(size=(count, *shape)).astype("float32"), "noise"
        y = rng.integers(0, 10, count)
    y = melpy.utils.to_categorical(y, 10)
    return x.reshape(STEPS, batch_size, *shape), y.reshape(STEPS, batch_size, 10), source


@pytest.mark.parametrize(("name", "dataset", "shape"), NETWORKS)
def test_ten_steps(keras, monkeypatch, capsys, name, dataset, shape):
    ours = architectures.build(name, shape, 10, seed=0)
    theirs = architectures.build(name, shape, 10, api=keras)
    assert isinstance(theirs, keras.Sequential)
    assert ours.count_params() == theirs.count_params()
    start = ours.get_weights()
    assert [w.shape for w in start] == [w.shape for w in theirs.get_weights()]
    theirs.set_weights(start)

    paper = architectures.ARCHITECTURES[name]
    loss = "categorical_crossentropy"
    ours.compile(melpy.optimizers.Adam(paper.learning_rate), loss=loss)
    theirs.compile(keras.optimizers.Adam(paper.learning_rate), loss=loss)

    x, y, source = batches(dataset, shape, paper.batch_size)
    differences = []
    for step in range(STEPS):
        # Keras reports the mean over all batches since the last reset; and what it reports is
        # held against the loss of its own predictions before the step.
        before = float(np.mean(keras.losses.categorical_crossentropy(y[step], theirs(x[step]))))
        theirs.reset_metrics()
        their_loss = float(theirs.train_on_batch(x[step], y[step]))
        assert their_loss == pytest.approx(before, rel=1e-5)
        our_loss = float(ours.train_on_batch(x[step], y[step]))
        differences.append(abs(our_loss - their_loss) / their_loss)
    with capsys.disabled():
        print(f" {name} on {source}: losses differ by at most {max(differences):.1e} ", end="")
    assert max(differences) <= 1e-4

    # A step of Adam is about the rate, whatever the gradient: where a gradient is rounding noise,
    # its sign alone can flip. So ours are held to our own in float64, entry by entry, and Keras's,
    # whose float32 strays farther from those, to ours but for the tenth that strays most.
    monkeypatch.setitem(melpy.config._settings, "floatx", "float64")
    exact = ten_steps(name, shape, start, x, y, paper.learning_rate)
    for before, mine, truth, keras_own in zip(
        start, ours.get_weights(), exact, theirs.get_weights(), strict=True
    ):
        assert not np.array_equal(mine, before), "the weight was not trained"
        # An entry whose first gradient is as small as Adam's epsilon moves by a part of a step that
        # depends on its last digits: it may stray by a hundredth of one step, the rate.
        astray = np.abs(mine - truth).max()
        assert astray <= max(1e-5 * np.abs(truth).max(), 0.01 * paper.learning_rate)
        apart = np.abs(mine - keras_own)
        assert np.quantile(apart, 0.9) <= 0.01 * paper.learning_rate
        assert apart.max() <= paper.learning_rate


def ten_steps(name, shape, start, x, y, learning_rate):
    """Return the weights after the same ten steps in the float type that is set."""
    model = architectures.build(name, shape, 10)
    model.set_weights(start)
    model.compile(melpy.optimizers.Adam(learning_rate), loss="categorical_crossentropy")
    for step in range(STEPS):
        model.train_on_batch(x[step], y[step])
    return model.get_weights()
