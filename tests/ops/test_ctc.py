"""Labels without times: every path is counted, by hand and by enumeration."""

import itertools

import numpy as np
import pytest

import melpy
from melpy import errors, layers, losses, ops


def said(path):
    """Return what a path says: no repeats, then no blanks."""
    return [k for k, _ in itertools.groupby(path) if k != 0]


@pytest.mark.parametrize("labels", [[], [1], [2, 1], [1, 1], [1, 2, 1]])
def test_all_paths_are_counted(labels):
    T, K = 5, 3
    logits = np.random.default_rng(0).normal(size=(1, T, K))
    p = np.exp(logits[0]) / np.exp(logits[0]).sum(-1, keepdims=True)
    total = sum(
        np.prod(p[np.arange(T), path])
        for path in itertools.product(range(K), repeat=T)
        if said(path) == labels
    )
    target = np.array([labels + [0] * (3 - len(labels))])
    loss = ops.ctc_loss(target, logits, np.array([len(labels)]), np.array([T]))
    np.testing.assert_allclose(loss, [-np.log(total)], rtol=1e-12)


def test_frames_behind_the_end_do_not_count():
    rng = np.random.default_rng(0)
    logits, target = rng.normal(size=(1, 6, 3)), np.array([[2, 1]])
    x = melpy.Tensor(logits, requires_grad=True)
    loss = ops.ctc_loss(target, x, np.array([2]), np.array([4]))
    np.testing.assert_allclose(
        loss, ops.ctc_loss(target, logits[:, :4], np.array([2]), np.array([4])), rtol=1e-12
    )
    loss.sum().backward()
    assert not x.grad[:, 4:].any()
    assert x.grad[:, :4].all()


def test_too_few_frames():
    x = melpy.Tensor(np.zeros((1, 2, 3)), requires_grad=True)
    loss = ops.ctc_loss(np.array([[1, 1]]), x, np.array([2]), np.array([2]))
    assert float(loss[0]) > 9e4
    loss.sum().backward()
    assert np.isfinite(x.grad).all()


def test_a_network_learns_to_say_its_labels():
    melpy.random.set_seed(0)
    rng = np.random.default_rng(0)
    labels = np.array([[1, 2, 3], [3, 1, 0], [2, 2, 0]])
    x = rng.normal(size=(3, 9, 4)).astype("float32")
    model = melpy.Sequential([layers.LSTM(24, return_sequences=True), layers.Dense(4)])
    model.compile(melpy.optimizers.Adam(0.02), losses.CTC())
    history = model.fit(x, labels, epochs=120, verbose=0).history["loss"]
    assert history[-1] < 0.1 * history[0]
    found, _ = ops.ctc_decode(model.predict(x), [9, 9, 9])
    np.testing.assert_array_equal(found[0, :, :3], np.where(labels, labels, -1))


def test_decoding_by_hand():
    frames = np.eye(4)[[[1, 1, 0, 1, 2, 3]]]
    labels, scores = ops.ctc_decode(frames, [5])
    np.testing.assert_array_equal(labels, [[[1, 1, 2, -1, -1, -1]]])
    np.testing.assert_array_equal(scores, [[-5.0]])
    labels, _ = ops.ctc_decode(frames, [5], merge_repeated=False)
    np.testing.assert_array_equal(labels[0, 0, :4], [1, 1, 1, 2])


def test_a_beam_search_by_hand():
    """Blank is likelier than the label in both frames, but three of four paths say the label."""
    frames = np.log([[[0.6, 0.4], [0.6, 0.4]]])
    labels, scores = ops.ctc_decode(frames, [2], strategy="beam_search", top_paths=3)
    np.testing.assert_array_equal(labels[:, 0], [[1, -1], [-1, -1], [-1, -1]])
    np.testing.assert_allclose(np.exp(scores), [[0.64, 0.36, 0.0]], atol=1e-12)
    scores = np.cos(np.arange(40.0) ** 2).reshape(2, 5, 4)
    labels, scores = ops.ctc_decode(scores, [5, 3], "beam_search", beam_width=4, top_paths=3)
    texts = [["".join(str(c) for c in row if c >= 0) for row in path] for path in labels]
    assert texts == [["121", "23"], ["131", "3"], ["1", "13"]]  # these and the scores are Keras's
    np.testing.assert_allclose(
        scores, [[-2.212142, -2.950743, -3.043598], [-1.569684, -2.058392, -2.424389]], atol=1e-6
    )
    none, _ = ops.ctc_decode(frames, [0], strategy="beam_search")
    np.testing.assert_array_equal(none, [[[-1, -1]]])


def test_messages():
    with pytest.raises(errors.ShapeError, match=r"labels \(N, S\) and logits"):
        losses.CTC()(np.ones(3), np.zeros((3, 4, 5)))
    with pytest.raises(errors.ShapeError, match="ctc_loss: labels and logits do not go"):
        ops.ctc_loss(np.ones((2, 1), int), np.zeros((3, 4, 5)), np.ones(3, int), np.ones(3, int))
    with pytest.raises(errors.UnknownNameError, match="unknown strategy 'beams'"):
        ops.ctc_decode(np.zeros((1, 2, 3)), [2], strategy="beams")
    with pytest.raises(errors.ArgumentError, match="beam_width must be one positive"):
        ops.ctc_decode(np.zeros((1, 2, 3)), [2], strategy="beam_search", beam_width=0)
    with pytest.raises(errors.ArgumentError, match="q is out of range"):
        losses.CategoricalGeneralizedCrossEntropy(q=1)
