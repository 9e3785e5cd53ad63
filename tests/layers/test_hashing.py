"""Hashes and bins: TensorFlow 2.21's own numbers, and the ways in which layers give them."""

import numpy as np
import pytest

from melpy import errors, layers
from melpy.layers.hashes import fingerprints, siphashes

BYTES = bytes(range(256))
# What tf.strings.to_hash_bucket_fast(text, 2**62) and ..._strong(text, 2**62, [133, 137]) give for
# the first so many of BYTES: each way that FarmHash takes, at its first and its last length.
FAST = {
    0: 1936946117179621455,
    1: 4494688008148699988,
    3: 1486536572171691162,
    4: 198155675784242496,
    7: 2513219638405408417,
    8: 3267946340606884760,
    16: 1080060857502750420,
    17: 4302810082142134044,
    32: 1917831512995979081,
    33: 2915358112413471310,
    64: 3856493858525203531,
    65: 478270155923209662,
    128: 2037963038260878803,
    129: 1048111057192683582,
    200: 525935771297148851,
}
STRONG = {
    0: 316627932347062996,
    1: 2605126819953502371,
    7: 3650213193296903032,
    8: 255740525574497556,
    9: 3824315638228136332,
    200: 601623486273693461,
}


@pytest.mark.parametrize("length", FAST)
def test_fingerprints(length):
    assert int(fingerprints([BYTES[:length]])[0]) % 2**62 == FAST[length]


@pytest.mark.parametrize("length", STRONG)
def test_siphashes(length):
    assert int(siphashes([BYTES[:length]], [133, 137])[0]) % 2**62 == STRONG[length]


def test_strings_of_all_lengths_are_hashed_together():
    texts = [BYTES[:length] for length in (70, 0, 3, 70, 16, 3)]
    one_by_one = np.concatenate([fingerprints([text]) for text in texts])
    np.testing.assert_array_equal(fingerprints(texts), one_by_one)


class TestHashing:
    LETTERS = np.array([["A"], ["B"], ["C"], ["D"], ["E"]])

    @pytest.mark.parametrize(
        ("options", "bins"),
        [
            ({}, [1, 0, 1, 1, 2]),
            ({"salt": [133, 137]}, [1, 2, 1, 0, 2]),
            ({"salt": 133}, [0, 0, 2, 1, 0]),
            ({"mask_value": "C"}, [1, 1, 0, 2, 1]),
        ],
    )
    def test_bins(self, options, bins):
        y = layers.Hashing(3, **options)(self.LETTERS)
        assert y.dtype == np.int64
        assert y.numpy().ravel().tolist() == bins

    def test_numbers_are_hashed_as_they_are_written(self):
        hashing = layers.Hashing(50)
        digits = hashing(np.array(["-12", "7"])).numpy()
        for x in (np.array([-12, 7]), np.array([-12.9, 7.2]), np.array([-12, 7], np.int8)):
            np.testing.assert_array_equal(hashing(x).numpy(), digits)

    @pytest.mark.parametrize("kind", [object, "U", "S", np.dtypes.StringDType()])
    def test_any_array_of_strings(self, kind):
        y = layers.Hashing(3)(self.LETTERS.astype(kind))
        assert y.numpy().ravel().tolist() == [1, 0, 1, 1, 2]

    @pytest.mark.parametrize(
        ("mode", "row"), [("one_hot", [0, 1, 0]), ("multi_hot", [0, 1, 0]), ("count", [0, 1, 0])]
    )
    def test_rows(self, mode, row):
        layer = layers.Hashing(3, output_mode=mode)
        y = layer(self.LETTERS)
        assert y.dtype == np.float32
        assert y.numpy()[0].tolist() == row
        assert layer.compute_output_shape((None, 1)) == (None, 3)

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"num_bins": 0}, errors.ArgumentError, "num_bins must be a positive"),
            ({"num_bins": 3, "salt": "salt"}, errors.ArgumentError, "this is no salt"),
            ({"num_bins": 3, "dtype": "float32"}, errors.ArgumentError, "bins are whole numbers"),
            ({"num_bins": 3, "dtype": "text"}, errors.DtypeError, "no type of numbers"),
            ({"num_bins": 3, "output_mode": "tf_idf"}, errors.ArgumentError, "unknown output_mode"),
            (
                {"num_bins": 3, "output_mode": "count", "sparse": True},
                errors.ArgumentError,
                "dense",
            ),
        ],
    )
    def test_refusals(self, options, error, message):
        with pytest.raises(error, match=message):
            layers.Hashing(**options)


class TestHashedCrossing:
    LETTERS, NUMBERS = np.array(["A", "B", "A", "B", "A"]), np.array([101, 101, 101, 102, 102])

    def test_bins(self):
        crossing = layers.HashedCrossing(5)
        assert crossing([self.LETTERS, self.NUMBERS]).numpy().tolist() == [1, 4, 1, 1, 3]
        column = crossing([self.LETTERS[:, None], self.NUMBERS[:, None]]).numpy()
        assert column.tolist() == [[1], [4], [1], [1], [3]]

    def test_rows(self):
        crossing = layers.HashedCrossing(5, output_mode="one_hot")
        y = crossing([self.LETTERS[:2, None], self.NUMBERS[:2, None]])
        assert y.numpy().tolist() == [[0, 1, 0, 0, 0], [0, 0, 0, 0, 1]]
        assert crossing.compute_output_shape([(None, 1), (None, 1)]) == (None, 5)

    @pytest.mark.parametrize(
        ("inputs", "message"),
        [
            (np.array(["a", "b"]), "nothing to cross"),
            ([np.array(["a"])], "nothing to cross"),
            ([np.array(["a", "b"]), np.array([1])], "no single shape"),
            ([np.ones((2, 3), int)] * 2, "no single shape"),
            ([np.array([1.0]), np.array([1.0])], "strings or whole numbers"),
        ],
    )
    def test_refusals(self, inputs, message):
        with pytest.raises(errors.MelpyError, match=message):
            layers.HashedCrossing(5)(inputs)
