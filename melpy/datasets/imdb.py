"""IMDB: 50,000 reviews of films as words' numbers, each good or bad."""

from __future__ import annotations

import numpy as np

from melpy.datasets import cutting
from melpy.datasets.cutting import Halves

__all__ = ["DESCRIPTION", "NAME", "get_word_index", "load_data"]

NAME = "imdb"
DESCRIPTION = "50,000 reviews of films, good or bad, as words' numbers (Maas et al. 2011)"
REVIEWS = cutting.archive(
    NAME, "imdb.npz", "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
)
WORDS = cutting.archive(NAME, "imdb_word_index.json", "bfafd718b763782e994055a2d397834f")


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> Halves:
    """Return the reviews: 25,000 for training and 25,000 for testing.

    A word's number is its rank by how often it comes, plus ``index_from``; 0 is for padding.

    Parameters
    ----------
    path : Keras's name for the file; only its default is taken, see `mnist.load_data`
    num_words : int: only numbers below it are kept, or None for all
    skip_top : int: numbers below it are left out as well
    maxlen : int: only reviews with fewer words are kept, or None for all
    seed : int, of the order
    start_char : int that each review begins with, or None
    oov_char : int in the place of words left out, or None to drop them
    index_from : int, added to each rank

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        x : array (N,) of lists of ints; y : int (N,), 1 for a good review

    Raises
    ------
    ArgumentError : ``path`` is not the default, a number is negative
    DownloadError : the file is missing and no host gave it
    DataError : the file on this machine is damaged; no review is shorter than ``maxlen``

    Notes
    -----
    The file holds pickled lists. They are read by a reader that knows lists of ints alone.

    Source: Maas, Daly, Pham, Huang, Ng and Potts, "Learning word vectors for sentiment analysis",
    ACL 2011.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_data(num_words=10000)  # doctest: +SKIP
    >>> x_train[0][:4]  # doctest: +SKIP
    [1, 14, 22, 16]
    """
    who = "imdb.load_data"
    cutting.require_default(path, REVIEWS, who)
    found = cutting.arrays_of(REVIEWS, who)
    options = (num_words, skip_top, maxlen, start_char, oov_char, index_from, who)
    # One generator for both halves, as in Keras: the order of the second follows the first's.
    rng = np.random.RandomState(seed)
    train = cutting.mixed(rng, found["x_train"], found["y_train"])
    test = cutting.mixed(rng, found["x_test"], found["y_test"])
    return cutting.sequences(train, *options), cutting.sequences(test, *options)


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """Return the words, each with its rank by how often it comes, 1 for the most frequent.

    Parameters
    ----------
    path : Keras's name for the file; only its default is taken

    Raises
    ------
    ArgumentError : ``path`` is not the default
    DownloadError : the file is missing and no host gave it
    DataError : the file on this machine is damaged

    Examples
    --------
    >>> get_word_index()["the"]  # doctest: +SKIP
    1
    """
    cutting.require_default(path, WORDS, "imdb.get_word_index")
    return cutting.word_index(WORDS)
