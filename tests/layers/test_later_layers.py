"""Grouped attention, embeddings that lead back, spectral normalization, spectrograms."""

import numpy as np
import pytest

import melpy
from melpy import initializers, layers, ops
from melpy.tensor import mask_of
from melpy.testing import check_gradient

TOKENS = np.array([[1, 2, 0]])


def test_grouped_attention_is_that_of_repeated_heads():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 5, 6)).astype("float32")
    grouped = layers.GroupQueryAttention(3, 4, 2)
    whole = layers.MultiHeadAttention(4, 3)
    y, scores = grouped(x, x, return_attention_scores=True, use_causal_mask=True)
    whole(x, x)
    for mine, other in zip(grouped.weights, whole.weights, strict=True):
        value = mine.numpy()
        if mine.path.split("/")[1] in ("key", "value"):
            value = np.repeat(value, 2, axis=value.ndim - 2)
        other.assign(value)
    expected = whole(x, x, return_attention_scores=True, use_causal_mask=True)
    np.testing.assert_allclose(y, expected[0], atol=1e-6)
    np.testing.assert_allclose(scores, expected[1], atol=1e-6)
    np.testing.assert_allclose(grouped(x, x, use_causal_mask=True), y, atol=1e-6)


def test_grouped_attention_has_exact_gradients():
    layer = layers.GroupQueryAttention(2, 4, 2, use_gate=True, dtype="float64")
    layer(np.zeros((1, 3, 4)), np.zeros((1, 2, 4)))
    rng = np.random.default_rng(1)
    check_gradient(
        lambda q, v: layer(q, v), (rng.normal(size=(1, 3, 4)), rng.normal(size=(1, 2, 4)))
    )


def test_an_embedding_leads_back_by_its_own_table():
    layer = layers.ReversibleEmbedding(4, 2, mask_zero=True)
    vectors = layer(TOKENS)
    np.testing.assert_array_equal(mask_of(vectors), [[True, True, False]])
    table = layer.embeddings.numpy()
    scores = layer(vectors, reverse=True)
    np.testing.assert_allclose(scores, table[TOKENS] @ table.T, rtol=1e-6)
    capped = layers.ReversibleEmbedding(4, 2, tie_weights=False, logit_soft_cap=0.5)
    back = np.array([[3.0, 4.0]])
    y = capped(back, reverse=True)
    np.testing.assert_allclose(
        y, 0.5 * np.tanh(back @ capped.reverse_embeddings.numpy() / 0.5), rtol=1e-5
    )
    assert [w.name for w in capped.weights] == ["embeddings", "reverse_embeddings"]


def test_a_language_model_whose_table_is_used_twice_trains():
    table = layers.ReversibleEmbedding(5, 3)
    tokens = melpy.Input((4,), dtype="int32")
    model = melpy.Model(tokens, table(table(tokens), reverse=True))
    assert model.output_shape == (None, 4, 5)
    assert len(model.trainable_weights) == 1
    loss = melpy.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(melpy.optimizers.Adam(0.1), loss)
    x = np.arange(20).reshape(5, 4) % 5
    losses = model.fit(x, x, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("inner", [layers.Dense(4), layers.Embedding(6, 4)], ids=["dense", "table"])
def test_a_normalized_matrix_stretches_nothing(inner):
    layer = layers.SpectralNormalization(inner, power_iterations=500)  # from any start
    x = np.ones((2, 6)) if isinstance(inner, layers.Dense) else np.array([[1, 5]])
    before = np.array(layer(x))
    np.testing.assert_array_equal(layer(x), before)  # inference changes nothing
    layer(x, training=True)
    assert np.linalg.norm(layer.kernel.numpy(), 2) == pytest.approx(1, rel=1e-3)
    assert [w.name for w in layer.non_trainable_weights] == ["vector_u"]


def test_a_matrix_of_zeros_stays():
    layer = layers.SpectralNormalization(layers.Dense(2, kernel_initializer="zeros"))
    np.testing.assert_array_equal(layer(np.ones((1, 3)), training=True), [[0, 0]])


def test_a_spectrogram_of_two_notes():
    rate = 1600
    time = np.arange(1600) / rate
    signal = np.sin(2 * np.pi * 200 * time) + 0.1 * np.sin(2 * np.pi * 400 * time)
    power = layers.STFTSpectrogram("psd", 64, fft_length=128, scaling="spectrum")
    rows = np.asarray(power(signal.reshape(1, -1, 1)))[0]
    mean = rows.mean(axis=0)
    assert mean.argmax() == 16  # 200 Hz of 12.5 Hz each
    assert mean[32] == pytest.approx(mean[16] / 100, rel=0.05)
    assert mean[16] == pytest.approx(0.5, rel=0.01)  # the power of a sine
    assert [w.name for w in power.weights] == ["real_kernel", "imag_kernel"]
    mel = layers.MelSpectrogram(128, 64, sampling_rate=rate, num_mel_bins=8)
    y = np.asarray(mel(signal))
    assert y.shape == mel.compute_output_shape((1600,)) == (8, 26)
    assert y.max() - y.min() <= 80 + 1e-4
    np.testing.assert_allclose(mel(np.stack([signal, signal]))[1], y, rtol=1e-5)


def test_kernels_of_a_transform_are_its_formula():
    kernel = initializers.get("stft")((6, 1, 5), "float64")
    w = np.hanning(6)
    turns = np.arange(6)[:, None] * np.arange(5) / 8
    expected = np.cos(-2 * np.pi * turns) * w[:, None] / np.sqrt((w**2).sum())
    np.testing.assert_allclose(kernel[:, 0], expected, atol=1e-12)
    again = initializers.deserialize(
        initializers.serialize(initializers.STFT("imag", periodic=True))
    )
    assert (again.side, again.periodic) == ("imag", True)
    np.testing.assert_array_equal(
        initializers.STFT("real", [1.0, 2.0], None)((2, 1, 2))[:, 0], [[1, 1], [2, -2]]
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.GroupQueryAttention(2, 3, 2), "do not share those of keys evenly"),
        (lambda: layers.GroupQueryAttention(2, 4, 0), "num_key_value_heads must be a positive"),
        (
            lambda: layers.GroupQueryAttention(2, 2, 1)(*np.ones((2, 1, 2, 3, 4))),
            "no batches of sequences",
        ),
        (lambda: layers.ReversibleEmbedding(3, 2, logit_soft_cap=0.0), "is no bound"),
        (lambda: layers.ReversibleEmbedding(3, 2, reverse_dtype="int8"), "int8"),
        (lambda: layers.SpectralNormalization(layers.Dense(2), 0), "power_iterations must be"),
        (lambda: layers.SpectralNormalization(layers.ReLU())(np.ones((1, 2))), "no matrix"),
        (lambda: layers.STFTSpectrogram("loud"), "unknown mode 'loud'"),
        (lambda: layers.STFTSpectrogram(frame_length=8, frame_step=9), "leaves parts"),
        (lambda: layers.STFTSpectrogram(frame_length=8, fft_length=4), "shorter than a piece"),
        (lambda: layers.STFTSpectrogram(window="glass"), "unknown window 'glass'"),
        (lambda: layers.STFTSpectrogram(scaling="loud"), "unknown scaling 'loud'"),
        (lambda: layers.MelSpectrogram(8, sequence_length=9), "shorter than a piece"),
        (lambda: layers.MelSpectrogram(min_freq=9000.0), "end before they begin"),
        (lambda: initializers.STFT("left"), "unknown side 'left'"),
        (lambda: initializers.STFT()((3, 2)), "not that of a transform"),
        (lambda: initializers.STFT("real", [1.0])((3, 1, 2)), "not as long as a piece"),
    ],
)  # fmt: skip
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_signals_of_whole_numbers():
    with pytest.raises(TypeError, match="the signals are whole numbers"):
        layers.STFTSpectrogram(frame_length=4)(np.ones((1, 9, 1), int))
    mel, sound = layers.MelSpectrogram(8), np.arange(9).reshape(1, 9)  # as a file of sound has them
    made = mel(sound.astype(np.int16))
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made, mel(sound.astype(np.float32)))


def test_a_transform_of_another_length_is_noted():
    with pytest.warns(UserWarning, match="fft_length=6 is no power of two"):
        layer = layers.STFTSpectrogram("real", 4, fft_length=6, expand_dims=True)
    x = ops.reshape(np.arange(8.0), (1, 8, 1))
    assert layer(x).shape == layer.compute_output_shape((1, 8, 1)) == (1, 3, 4, 1)
