"""Pictures of training runs: what their axes and marks say."""

import pytest

from melpy import viz

pytest.importorskip("matplotlib")


@pytest.mark.parametrize("epochs", [[0], [4], [0, 1, 2]])
def test_epochs_are_whole_numbers(epochs):
    numbers = {"loss": [1.0 / (n + 1) for n in range(len(epochs))]}
    (axes,) = viz.curves(numbers, epochs, "a run").axes
    low, high = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert ticks
    assert all(float(tick).is_integer() for tick in ticks)


def test_the_best_epoch_is_marked():
    numbers = {"loss": [3.0, 2.0, 1.0], "val_loss": [3.0, 1.5, 2.0]}
    (axes,) = viz.curves(numbers, [0, 1, 2], "a run").axes
    assert [text.get_text() for text in axes.texts] == ["best test 1.500"]
    assert axes.texts[0].xy == (2, 1.5)
