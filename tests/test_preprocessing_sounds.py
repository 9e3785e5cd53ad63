"""A folder of sounds as a dataset: what the files hold, lengths, labels, refusals."""

import wave

import numpy as np
import pytest

from melpy.errors import MelpyError
from melpy.utils import audio_dataset_from_directory


def write(path, samples, width=2, rate=8000):
    """Write samples between -1 and 1, (T, C), to a WAV file."""
    whole = np.round(np.asarray(samples) * 2.0 ** (8 * width - 1)).astype("<i8")
    if width == 1:
        whole += 128
    data = whole.ravel().view(np.uint8).reshape(-1, 8)[:, :width].tobytes()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(np.shape(samples)[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)


@pytest.fixture
def folder(tmp_path):
    for name, lengths in (("high", (3, 5)), ("low", (4,))):
        (tmp_path / name).mkdir()
        for number, length in enumerate(lengths):
            write(tmp_path / name / f"{number}.wav", np.full((length, 1), 0.25 * (number + 1)))
    return tmp_path


def read(folder, **options):
    return audio_dataset_from_directory(folder, **{"verbose": False, "shuffle": False} | options)


def test_sounds_and_labels_by_hand(folder):
    dataset = read(folder)
    [(x, y)] = dataset
    assert x.dtype == np.float32
    np.testing.assert_allclose(
        np.asarray(x)[..., 0],
        [[0.25] * 3 + [0, 0], [0.5] * 5, [0.25] * 4 + [0]],
    )
    assert np.asarray(y).tolist() == [0, 0, 1]
    assert dataset.class_names == ["high", "low"]


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_bits(tmp_path, width):
    samples = np.array([[-1.0, 0.5], [0.0, -0.25]])
    write(tmp_path / "a.wav", samples, width)
    [x] = read(tmp_path, labels=None)
    assert np.asarray(x).tolist() == [samples.tolist()]


def test_lengths(folder):
    [(x, _)] = read(folder, output_sequence_length=4, sampling_rate=8000)
    assert np.asarray(x)[:, 3, 0].tolist() == [0, 0.5, 0.25]
    lengths = [len(np.asarray(x)) for x in read(folder, labels=None, batch_size=None)]
    assert lengths == [3, 5, 4]
    first, second = read(folder, validation_split=0.4, subset="both", batch_size=1)
    assert (len(list(first)), len(list(second))) == (2, 1)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"sampling_rate": 0}, ValueError, "sampling_rate"),
        ({"sampling_rate": 1.5}, ValueError, "sampling_rate"),
        ({"output_sequence_length": -1}, ValueError, "output_sequence_length"),
        ({"ragged": True}, NotImplementedError, "one array"),
        ({"ragged": True, "output_sequence_length": 3}, ValueError, "lengths of their own"),
        ({"sampling_rate": 44100}, ValueError, "another rate"),
    ],
)
def test_refusals(folder, options, error, message):
    with pytest.raises(error, match=message) as caught:
        list(read(folder, **options))
    assert isinstance(caught.value, MelpyError)


def test_a_file_that_is_no_sound_is_named_when_it_is_read(folder):
    (folder / "low" / "1.wav").write_bytes(b"RIFF no sound")
    with pytest.raises(ValueError, match=r"1\.wav' is no WAV file"):
        list(read(folder))
