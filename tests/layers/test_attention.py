"""Attention by hand: added scores, windows, gates."""

import numpy as np
import pytest

from melpy import errors, layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 5, 4)).astype("float32")


class TestAdditive:
    def test_by_hand(self):
        """Scores tanh(q + k) are 0 and tanh(1): the second weighs e^tanh(1) times the first."""
        layer = layers.AdditiveAttention(use_scale=False)
        query, value, key = (
            np.array([[[1.0]]]),
            np.array([[[0.0], [1.0]]]),
            np.array([[[-1.0], [0.0]]]),
        )
        weight = np.exp(np.tanh(1.0))
        y = layer([query, value, key])
        np.testing.assert_allclose(y, [[[weight / (1 + weight)]]], rtol=1e-6)

    def test_scale_is_a_vector(self):
        layer = layers.AdditiveAttention()
        layer([X, X])
        assert layer.scale.shape == (4,)
        layer.set_weights([np.zeros(4)])  # all scores 0: the plain mean
        np.testing.assert_allclose(layer([X, X])[:, 0], X.mean(axis=1), rtol=1e-5, atol=1e-6)

    def test_masks_and_scores(self):
        seen = np.array([[True, True, False, False, False]] * 2)
        y, scores = layers.AdditiveAttention()(
            [X, X], mask=[seen, seen], return_attention_scores=True
        )
        assert not np.asarray(scores)[:, :, 2:].any()
        assert not np.asarray(y)[:, 2:].any()

    def test_config(self):
        config = layers.AdditiveAttention(use_scale=False, dropout=0.1).get_config()
        assert config["use_scale"] is False
        assert "score_mode" not in config
        assert layers.AdditiveAttention.from_config(config).dropout == 0.1


class TestWindow:
    def weights(self, **options):
        layer = layers.MultiHeadAttention(2, 3, sliding_window=2)
        return np.asarray(layer(X, X, return_attention_scores=True, **options)[1])

    def test_neighbours_alone_are_seen(self):
        far = np.abs(np.subtract.outer(np.arange(5), np.arange(5))) >= 2
        found = self.weights()
        assert not found[..., far].any()
        assert (found[..., ~far] > 0).all()
        np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-5)

    def test_with_a_causal_mask(self):
        found = self.weights(use_causal_mask=True)
        allowed = np.tri(5, dtype=bool) & ~np.tri(5, k=-2, dtype=bool)
        assert not found[..., ~allowed].any()
        assert (found[..., allowed] > 0).all()

    def test_message(self):
        with pytest.raises(errors.ArgumentError, match="sliding_window"):
            layers.MultiHeadAttention(2, 3, sliding_window=0)


def test_a_gate_multiplies_the_heads():
    """A gate whose weights are 0 is sigmoid(0) = 1/2; one with a bias of -100 shuts."""
    plain, gated = (layers.MultiHeadAttention(2, 3, use_gate=gate) for gate in (False, True))
    plain(X, X), gated(X, X)
    weights = plain.get_weights()
    closed = [np.zeros((4, 2, 3)), np.zeros((2, 3))]
    gated.set_weights([*weights[:4], *closed, *weights[4:]])
    y, bias = np.asarray(plain(X, X)), weights[-1]
    np.testing.assert_allclose(np.asarray(gated(X, X)) - bias, (y - bias) / 2, rtol=1e-4, atol=1e-6)
    closed[1] -= 100
    gated.set_weights([*weights[:4], *closed, *weights[4:]])
    np.testing.assert_allclose(gated(X, X), np.broadcast_to(bias, y.shape), atol=1e-6)
    assert [w.path.split("/")[1] for w in gated.weights[4:6]] == ["gate", "gate"]
