"""Pictures of training runs: what their axes and marks say."""

import itertools

import numpy as np
import pytest

import melpy
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
    told = [text.get_text() for text in axes.get_legend().get_texts()]
    assert told == ["training", "test", "best test 1.500"]
    assert not axes.texts  # what is written beside a ring has a curve through it
    (ring,) = (line for line in axes.lines if line.get_label() == told[-1])
    assert (ring.get_xdata().item(), ring.get_ydata().item()) == (2, 1.5)


@pytest.mark.parametrize("names", [("cat", "dog"), tuple("0123456789"), tuple(map(str, range(60)))])
def test_a_confusion_matrix_shows_all_of_its_title_and_a_scale(names):
    labels = np.arange(2400) % len(names)
    figure = viz.confusion(labels, labels, names)
    axes, scale = figure.axes
    assert scale.get_ylabel() == "share of the true class"
    assert axes.get_title() == "2,400 of 2,400 test images right\n(100.00%)"
    figure.draw_without_rendering()
    box, whole = axes.title.get_window_extent(), figure.bbox
    assert whole.x0 <= box.x0
    assert box.x1 <= whole.x1
    assert box.y1 <= whole.y1


def test_mistakes_are_told_without_red_and_green():
    """Orange and blue are two to readers who do not tell red from green, and a sign says it too."""
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2]])
    figure = viz.samples(np.zeros((2, 4, 4)), np.array([0, 1]), probabilities, ["cat", "a" * 20])
    (axes,) = figure.axes
    right, wrong = axes.texts
    assert len(axes.images) == 2
    assert right.get_text() == "cat\n90%"
    assert wrong.get_text() == f"✗ cat 80%\n({'a' * 12}…)"
    for text in (right, wrong):
        red, blue = (int(text.get_color()[n : n + 2], 16) for n in (1, 5))
        assert (blue > red) == (text is right)


def test_numbers_against_numbers():
    true = np.array([1.0, 2.0, 4.0])
    (axes,) = viz.against(true, true + 0.5, "price").axes
    assert axes.get_title() == "3 test rows, off by 0.5 on average"
    assert axes.get_xlabel() == "true price"


def test_large_numbers_are_written_short():
    numbers = {"mae": [3e5, 2e5], "val_mae": [3e5, 123456.7]}
    (axes,) = viz.curves(numbers, [0, 1], "a run", "validation").axes
    assert axes.get_legend().get_texts()[-1].get_text() == "best validation 1.235e+05"


def test_images_keep_their_shape_and_their_names_apart():
    """A name of any length stays over its own image."""
    names = ["automobile and truck", "mashed potatoes"]
    figure = viz.samples(np.zeros((12, 20, 60, 3)), np.arange(12) % 2, np.eye(2)[[0] * 12], names)
    (axes,) = figure.axes
    figure.draw_without_rendering()
    boxes = [image.get_window_extent() for image in axes.images]
    assert all(box.width == pytest.approx(3 * box.height, rel=0.05) for box in boxes)
    rights = [text.get_window_extent() for text in axes.texts]
    first_row = sorted((box.x0, box.x1) for box in rights if box.y0 > boxes[0].y1 - 1)
    assert len(first_row) == 10
    assert all(a[1] < b[0] for a, b in itertools.pairwise(first_row))


def test_feature_maps_stand_beside_their_images_by_one_scale_a_filter():
    model = melpy.Sequential([melpy.Input((6, 6, 1)), melpy.layers.Conv2D(3, 3)])
    x = np.random.default_rng(0).random((2, 6, 6, 1)).astype("float32")
    (axes,) = viz.feature_maps(model, x, x).axes
    assert [text.get_text() for text in axes.texts] == ["image", "1", "2", "3"]
    made = model.predict(x, verbose=0)
    shown = [image for image in axes.images if image.get_cmap().name == "magma"]
    assert len(shown) == 6
    for place, image in enumerate(shown):
        c, n = divmod(place, 2)
        np.testing.assert_array_equal(image.get_array(), made[n, :, :, c])
        assert image.get_clim() == (made[..., c].min(), made[..., c].max())
