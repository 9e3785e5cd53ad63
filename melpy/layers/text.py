"""Texts become rows of numbers: made alike, split into tokens, and these looked up."""

from __future__ import annotations

import itertools
import math
import re
import string
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from melpy import budget, custom
from melpy.errors import ArgumentError, ShapeError, lookup
from melpy.layers.adapting import batches_of, is_whole
from melpy.layers.arguments import Shape
from melpy.layers.base import Layer
from melpy.layers.checks import positive
from melpy.layers.encoding import OLD_MODES
from melpy.layers.lookup import StringLookup
from melpy.layers.vocabulary import NO_TRACE
from melpy.strings import as_strings
from melpy.tensor import Tensor

__all__ = ["TextVectorization"]

# Of ASCII alone, as in TensorFlow: other letters and signs stay as they are.
LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)
STANDARDS = {
    "lower": LOWER,
    "strip_punctuation": WITHOUT_PUNCTUATION,
    "lower_and_strip_punctuation": LOWER | WITHOUT_PUNCTUATION,
}
SPLITS: dict[str, Callable[[str], list[str]]] = {
    "whitespace": re.compile(r"[^ \t\n\v\f\r]+").findall,
    "character": list,
}


class TextVectorization(Layer):
    """Each text becomes the indices of its tokens in a vocabulary, or one row about them.

    Parameters
    ----------
    max_tokens : int > 1 or None, how large the vocabulary may be, special tokens included
    standardize : "lower" and "strip_punctuation" (of ASCII), "lower_and_strip_punctuation", None,
        or a function of an array of texts that returns such an array
    split : "whitespace", "character", None where texts are tokens already, or a function of an
        array of texts (N,) that returns N lists of tokens
    ngrams : int or None: runs of up to so many tokens, joined by blanks, are the tokens; or a tuple
        of the runs' lengths
    output_mode : "int" for indices; for rows "multi_hot", "count", "tf_idf" of a text's tokens,
        "one_hot" of each token; as in `StringLookup`
    output_sequence_length : int > 0 or None: with "int", how many indices a text has: cut, or
        filled up with 0; None for as many as the batch's longest
    pad_to_max_tokens : bool, whether rows are max_tokens wide even if there are fewer tokens
    vocabulary : tokens, or the path of a file that has one a line; None to `adapt`
    idf_weights : float for each token, with output_mode="tf_idf" and a vocabulary
    sparse, ragged : False: arrays here are dense
    encoding : str, that of bytes
    name : str or None

    Notes
    -----
    Input: texts (N,) or (N, 1); output (N, T) of int64, or rows (N, D) of floats. Index 0 stands
    for no token, 1 (in rows, 0) for one out of the vocabulary.

    Examples
    --------
    >>> layer = TextVectorization(output_sequence_length=4)
    >>> layer.adapt(["foo bar", "bar baz", "baz bada boom"])
    >>> layer.get_vocabulary()
    ['', '[UNK]', 'baz', 'bar', 'foo', 'boom', 'bada']
    >>> layer([["Foo qux, bar!"], ["qux baz"]]).numpy()
    array([[4, 1, 3, 0],
           [1, 2, 0, 0]])
    """

    takes_text = True
    input_dtype = "string"

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: int | tuple[int, ...] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("dtype", None)
        kept = {key: kwargs.pop(key, None) for key in ("vocabulary_size", "has_input_vocabulary")}
        super().__init__(name=name, **kwargs)
        who = "TextVectorization"
        for option, value, known in (
            ("standardize", standardize, STANDARDS),
            ("split", split, SPLITS),
        ):
            if value is not None and not callable(value):
                lookup(option, value, known, who)
        output_mode = OLD_MODES.get(output_mode, output_mode)
        if ragged:
            raise ArgumentError(
                who,
                "ragged outputs are not supported",
                expected="ragged=False: arrays here are dense, filled up with 0",
                received={"ragged": ragged},
            )
        if output_sequence_length is not None:
            positive(output_sequence_length, "output_sequence_length", who)
            if output_mode != "int":
                raise ArgumentError(
                    who,
                    "output_sequence_length is for indices",
                    expected='output_mode="int"',
                    received={"output_mode": output_mode},
                )
        self._standardize, self._split, self._encoding = standardize, split, encoding
        self._ngrams_arg, self._ngrams = ngrams, _run_lengths(ngrams, who)
        self._output_mode, self._output_sequence_length = output_mode, output_sequence_length
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=output_mode,
            sparse=sparse,
            encoding=encoding,
            **kept,
        )

    @property
    def _output_dtype(self) -> Any:
        return self._lookup_layer._output_dtype

    # The vocabulary is the inner layer's.

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """Return the tokens by their index; see `StringLookup.get_vocabulary`."""
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """Return how many indices there are, those of special tokens included."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Take a vocabulary in the place of the one that is there."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the vocabulary: all tokens, the most frequent first, of equals the last in order.

        Parameters
        ----------
        data : array or list of texts, or an iterable of batches of them; a batch may be a tuple
            whose first entry counts
        batch_size : accepted as in Keras
        steps : int or None, how many batches, all by default
        """
        self.reset_state()
        whole = is_whole(data)
        for batch in batches_of(data, steps, f"TextVectorization {self.name!r}"):
            texts = self._as_input(batch)
            self.update_state(texts[:, np.newaxis] if whole and texts.ndim == 1 else texts)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Count the tokens of a batch of texts."""
        tokens, _ = self._tokens(self._as_input(data))
        self._lookup_layer.count(tokens)

    def finalize_state(self) -> None:
        """Make the vocabulary of what was counted."""
        self._lookup_layer.finalize_state()

    def reset_state(self) -> None:
        """Forget what was counted; the vocabulary stays until there is another."""
        self._lookup_layer.reset_state()

    # The call.

    def _as_input(self, inputs: Any) -> np.ndarray:
        return as_strings(inputs, "call", encoding=self._encoding)

    def _tokens(self, texts: np.ndarray) -> tuple[list[list[str]], tuple[int, ...]]:
        """Return the lists of tokens, and the shape in which there is one for each place."""
        if callable(self._standardize):
            texts = as_strings(self._standardize(texts.astype(np.str_)), "standardize")
        shape = texts.shape
        if self._split is not None and len(shape) > 1 and shape[-1] != 1:
            raise ShapeError(
                "call",
                "there are several texts a sample",
                expected="shape (N,) or (N, 1)",
                received={"shape": shape},
                mend="Join them, or use split=None if they are tokens.",
            )
        if self._split is None or len(shape) > 1:
            shape = shape[:-1]
        flat = texts.ravel().tolist()
        if self._standardize is not None and not callable(self._standardize):
            table = STANDARDS[self._standardize]
            flat = [text.translate(table) for text in flat]
        tokens = self._split_up(flat, shape)
        return ([_runs(row, self._ngrams) for row in tokens] if self._ngrams else tokens), shape

    def _split_up(self, texts: list[str], shape: tuple[int, ...]) -> list[list[str]]:
        if callable(self._split):
            rows = self._split(np.array(texts, np.str_).reshape(shape))
            return [as_strings(row, "split").ravel().tolist() for row in _rows(rows, len(texts))]
        if self._split is not None:
            return list(map(SPLITS[self._split], texts))
        width = len(texts) // max(math.prod(shape), 1)
        return [texts[row * width : (row + 1) * width] for row in range(math.prod(shape))]

    def call(self, inputs: Any) -> Any:
        """Return the indices of each text's tokens, or a row about them."""
        tokens, shape = self._tokens(inputs)
        limit = self._output_sequence_length
        if limit is not None:
            tokens = [row[:limit] for row in tokens]
        lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
        width = limit or int(lengths.max(initial=0))
        is_int = self._output_mode == "int"
        budget.need(8 * len(tokens) * width, f"texts of {width} tokens")
        indices = np.full((len(tokens), width), 0 if is_int else NO_TRACE, np.int64)
        there = np.arange(width) < lengths[:, np.newaxis]
        indices[there] = self._lookup_layer.indices(list(itertools.chain.from_iterable(tokens)))
        indices = indices.reshape(*shape, width)
        return Tensor.of(indices, None) if is_int else self._lookup_layer.in_mode(indices)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (N, T), or with rows (N, D)."""
        shape = tuple(input_shape)
        if self._split is not None:
            shape = (*(shape[:-1] if len(shape) > 1 else shape), None)
        if self._output_mode == "int":
            width = self._output_sequence_length
            runs = self._split is None and self._ngrams is None
            return (*shape[:-1], width or (shape[-1] if runs else None))
        return self._lookup_layer.compute_output_shape(shape)

    # Files.

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer, without a vocabulary that it learned."""
        inner = self._lookup_layer.get_config()
        names = ("vocabulary", "idf_weights", "output_mode", "vocabulary_size")
        return super().get_config() | {name: inner[name] for name in names}

    @classmethod
    def from_config(cls, config: Any) -> Any:
        """Make a layer of `get_config`'s result; functions are found by their registered names."""
        own = {name: custom.unwrapped(config.get(name)) for name in ("standardize", "split")}
        for name, value in own.items():
            known = STANDARDS if name == "standardize" else SPLITS
            if isinstance(value, str) and value not in known:
                own[name] = lookup(name, value, _functions(value), "TextVectorization.from_config")
        if isinstance(config.get("ngrams"), list):
            own["ngrams"] = tuple(config["ngrams"])
        return super().from_config({**config, **own})

    def save_own_variables(self, store: Any) -> None:
        """Write the tokens' weights, with output_mode="tf_idf"."""
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        """Read what `save_own_variables` wrote."""
        self._lookup_layer.load_own_variables(store)

    def save_assets(self, dir_path: Any) -> None:
        """Write the vocabulary into a folder, unless the configuration has it."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path: Any) -> None:
        """Read what `save_assets` wrote."""
        self._lookup_layer.load_assets(dir_path)


def _functions(name: str) -> dict[str, Any]:
    """Return what a name stands for among the user's own functions."""
    found = custom.get_registered_object(name)
    return {} if found is None else {name: found}


def _run_lengths(ngrams: Any, who: str) -> tuple[int, ...] | None:
    """Return how long the runs of tokens are that are tokens themselves; None for single ones."""
    if ngrams is None:
        return None
    budget.need(100 * ngrams if isinstance(ngrams, int) else 0, f"{who}, ngrams={ngrams}")
    lengths = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else ngrams
    if (
        not isinstance(lengths, tuple)
        or not lengths
        or not all(isinstance(length, int) and length > 0 for length in lengths)
    ):
        raise ArgumentError(
            who,
            "these are no lengths of runs",
            expected="an int > 0, or a tuple of such",
            received={"ngrams": ngrams},
        )
    return lengths


def _runs(tokens: Sequence[str], lengths: Iterable[int]) -> list[str]:
    """Return all runs of neighbouring tokens of each length, joined by blanks."""
    return [
        " ".join(tokens[start : start + length])
        for length in lengths
        for start in range(len(tokens) - length + 1)
    ]


def _rows(rows: Any, count: int) -> list[Any]:
    """Return what a function split texts into, one entry a text."""
    made = list(rows)
    if len(made) != count:
        raise ShapeError(
            "split",
            "the function returned another number of texts",
            expected=f"{count} lists of tokens",
            received={"lists": len(made)},
        )
    return made
