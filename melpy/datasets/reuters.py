"""Reuters: 11,228 newswires as words' numbers, of 46 topics."""

from __future__ import annotations

import numpy as np

from melpy.datasets import cutting
from melpy.datasets.cutting import Halves

__all__ = ["DESCRIPTION", "NAME", "get_label_names", "get_word_index", "load_data"]

NAME = "reuters"
DESCRIPTION = "11,228 newswires of 46 topics, as words' numbers (Reuters-21578; Lewis 1997)"
WIRES = cutting.archive(
    NAME, "reuters.npz", "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
)
WORDS = cutting.archive(NAME, "reuters_word_index.json", "4d44cc38712099c9e383dc6e5f11a921")
TOPICS = """
cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship
cotton carcass crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin
strategic-metal livestock retail ipi iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr
gas silver wpi hog lead
"""


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> Halves:
    """Return the newswires: the first for training, the share ``test_split`` for testing.

    Parameters
    ----------
    path : Keras's name for the file; only its default is taken
    num_words, skip_top, maxlen, seed, start_char, oov_char, index_from : as in `imdb.load_data`
    test_split : float in [0, 1)

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        x : array (N,) of lists of ints; y : int (N,), a topic of `get_label_names`

    Raises
    ------
    ArgumentError : ``path`` is not the default, a number is out of range
    DownloadError : the file is missing and no host gave it
    DataError : the file on this machine is damaged; no newswire is shorter than ``maxlen``

    Notes
    -----
    Source: Lewis, "Reuters-21578, distribution 1.0", 1997.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_data(num_words=10000)  # doctest: +SKIP
    >>> len(x_train), len(x_test)  # doctest: +SKIP
    (8982, 2246)
    """
    who = "reuters.load_data"
    cutting.require_default(path, WIRES, who)
    cutting.halves((), (), test_split, who)
    found = cutting.arrays_of(WIRES, who)
    wires = cutting.mixed(np.random.RandomState(seed), found["x"], found["y"])
    options = (num_words, skip_top, maxlen, start_char, oov_char, index_from, who)
    return cutting.halves(*cutting.sequences(wires, *options), test_split, who)


def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """Return the words, each with its rank, as `imdb.get_word_index` does.

    Parameters
    ----------
    path : Keras's name for the file; only its default is taken

    Raises
    ------
    ArgumentError : ``path`` is not the default
    DownloadError : the file is missing and no host gave it
    DataError : the file on this machine is damaged
    """
    cutting.require_default(path, WORDS, "reuters.get_word_index")
    return cutting.word_index(WORDS)


def get_label_names() -> tuple[str, ...]:
    """Return the topics' names, in the order of their numbers.

    Examples
    --------
    >>> len(get_label_names()), get_label_names()[3]
    (46, 'earn')
    """
    return tuple(TOPICS.split())
