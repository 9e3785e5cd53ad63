"""A vocabulary: tokens by their index and back, read from a file or counted in data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from melpy import custom
from melpy.errors import ArgumentError, DataError

__all__ = ["NO_TRACE", "UNKNOWN", "TokenCounts", "Vocabulary", "words_of_file"]

UNKNOWN, NO_TRACE = -1, -2  # in the place of an index


class Vocabulary:
    """Tokens, each with an index; not a list, among whose entries layers look for their parts.

    Parameters
    ----------
    tokens : list of str or of int
    start : int, the first token's index
    masks : dict of further tokens to their indices
    """

    def __init__(self, tokens: list[Any], start: int, masks: dict[Any, int]) -> None:
        self.tokens = tokens
        self._index = {token: n for n, token in enumerate(tokens, start)} | masks

    def __len__(self) -> int:
        return len(self.tokens)

    def indices(self, keys: Sequence[Any]) -> np.ndarray:
        """Return the index of each key, UNKNOWN for one that is no token."""
        index = self._index.get
        return np.fromiter((index(key, UNKNOWN) for key in keys), np.int64, len(keys))


class TokenCounts:
    """How often tokens came, and in how many samples.

    Attributes
    ----------
    samples : int, how many there were
    """

    def __init__(self) -> None:
        self.samples = 0
        self._tokens: Counter[Any] = Counter()
        self._holders: Counter[Any] = Counter()

    def update(self, samples: Iterable[Sequence[Any]], in_samples: bool) -> None:
        """Count the tokens of samples; with ``in_samples``, in how many each is too."""
        for sample in samples:
            self.samples += 1
            self._tokens.update(sample)
            if in_samples:
                self._holders.update(set(sample))

    def ranked(self, without: Iterable[Any]) -> list[Any]:
        """Return the tokens, the most frequent first, of equals the last in order first."""
        counts = {token: n for token, n in self._tokens.items() if token not in without}
        last_first = sorted(counts, reverse=True)
        return sorted(last_first, key=counts.__getitem__, reverse=True)  # equals stay in order

    def rarity(self, tokens: Sequence[Any]) -> np.ndarray:
        """Return log(1 + n / (1 + how many of the n samples hold a token)) of each."""
        holders = np.array([self._holders[token] for token in tokens])
        return np.log(1 + self.samples / (1 + holders))


def words_of_file(path: str | PathLike[str], who: str) -> list[str]:
    """Return the lines of a file that the caller named; no description may name one.

    Raises
    ------
    ArgumentError : there is no such file; the path came from a file, or from another description
    """
    if custom.is_reading():
        raise ArgumentError(
            who,
            "a model's description names a file to read, which is never done",
            expected="a vocabulary inside the model's own file",
            received={"vocabulary": str(path)},
            mend="Read the file yourself, and give the layer a list of tokens.",
        )
    if not Path(path).is_file():
        raise ArgumentError(
            who,
            "there is no such file",
            expected="a list of tokens, or a file that has a token a line",
            received={"vocabulary": str(path)},
        )
    text = Path(path).read_text(encoding="utf-8")
    words = text.removesuffix("\n").split("\n")
    if "" in words:
        raise DataError(
            who,
            f"line {words.index('') + 1} of the file is empty",
            expected="a token a line",
            received={"vocabulary": str(path)},
        )
    return words
