"""A layer that has a vocabulary: given, learned from data, or read from the model's file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from melpy import budget, config
from melpy.errors import ArgumentError, DtypeError, GraphError, ShapeError
from melpy.layers.adapting import batches_of, is_whole
from melpy.layers.encoding import CategoryLayer, categories
from melpy.layers.vocabulary import NO_TRACE, TokenCounts, Vocabulary, words_of_file
from melpy.strings import as_strings, unpadded

__all__ = ["VocabularyLayer"]


class VocabularyLayer(CategoryLayer):
    """What a layer does with its vocabulary, beside looking tokens up in it. Abstract.

    Attributes
    ----------
    vocabulary_dtype : "string" or "int64"
    mask_token, oov_token : tokens of their own; None for none
    idf_weights : array with a float for each index, or None
    """

    encoding = "utf-8"
    vocabulary_dtype: str
    max_tokens: int | None
    num_oov_indices: int
    mask_token: Any
    oov_token: Any
    invert: bool
    pad_to_max_tokens: bool
    idf_weights: np.ndarray | None
    input_vocabulary: np.ndarray | None
    input_idf_weights: Any
    _has_input_vocabulary: bool
    _known_size: int | None
    oov_method: str
    salt: list[int] | None

    @property
    def _who(self) -> str:
        return f"{type(self).__name__} {self.name!r}"

    @property
    def is_of_strings(self) -> bool:
        """Whether the tokens are strings."""
        return self.vocabulary_dtype == "string"

    def _keys(self, inputs: Any) -> np.ndarray:
        """Return an array of what is looked up: strings, or whole numbers."""
        if self.is_of_strings and not self.invert:
            return as_strings(inputs, "call", encoding=self.encoding)
        array = categories(inputs)
        if array.dtype.kind not in "fiub":
            raise DtypeError(
                "call",
                "what is looked up here are whole numbers",
                expected="ints",
                received={"dtype": str(array.dtype)},
                mend="StringLookup takes strings.",
            )
        return array.astype(np.int64)

    # Where tokens are: the mask at 0, what is out of the vocabulary, then the vocabulary.

    @property
    def _oov_start(self) -> int:
        return int(self.mask_token is not None and self.output_mode == "int")

    @property
    def _token_start(self) -> int:
        return self._oov_start + self.num_oov_indices

    def _special_tokens(self) -> list[Any]:
        return [self.mask_token] * self._oov_start + [self.oov_token] * self.num_oov_indices

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """Return the tokens by their index.

        Parameters
        ----------
        include_special_tokens : bool, whether the mask and what stands for unknown tokens come
            first, so that a place in the list is the index
        """
        special = self._special_tokens() if include_special_tokens else []
        return special + self._vocabulary.tokens

    def vocabulary_size(self) -> int:
        """Return how many indices there are, those of special tokens included."""
        return self._token_start + len(self._vocabulary)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Take a vocabulary in the place of the one that is there.

        Parameters
        ----------
        vocabulary : tokens, one axis, with the special ones all at the beginning or not at all; or
            the path of a file that has a token a line, which is read now and never again
        idf_weights : float for each token, with output_mode="tf_idf" alone
        """
        who = self._who
        if (idf_weights is not None) != (self.output_mode == "tf_idf"):
            raise ArgumentError(
                who,
                'idf_weights go with output_mode="tf_idf"',
                expected="both or neither",
                received={"output_mode": self.output_mode, "idf_weights": idf_weights},
            )
        if isinstance(vocabulary, str | PathLike):
            words = words_of_file(vocabulary, who)
            tokens = words if self.is_of_strings else [int(word) for word in words]
            has_special = False
        else:
            tokens = self._tokens(vocabulary, who)
            start = self._token_start
            has_special = len(tokens) >= start and self._special_tokens() == tokens[:start]
            tokens = tokens[start:] if has_special else tokens
            if not tokens and not has_special:
                raise ArgumentError(who, "the vocabulary is empty", expected="at least one token")
            self._refuse_special(tokens, who)
        self._take(tokens)
        if idf_weights is not None:
            self._take_weights(np.asarray(idf_weights, config.floatx()), has_special, who)

    def _tokens(self, values: Any, who: str) -> list[Any]:
        """Return tokens of one axis as a list, each of Python's own type."""
        if self.is_of_strings:
            array = as_strings(values, who, "the vocabulary", self.encoding)
        else:
            array = unpadded(values)
        if array.ndim != 1:
            raise ShapeError(
                who,
                "the vocabulary has another shape",
                expected="one axis",
                received={"shape": array.shape},
            )
        tokens = array.tolist()
        if self.is_of_strings:
            return tokens
        wrong = [x for x in tokens if isinstance(x, bool) or not isinstance(x, int | np.integer)]
        if wrong:
            raise DtypeError(
                who,
                "the vocabulary is not made of whole numbers",
                expected="ints",
                received={"type": type(wrong[0])},
            )
        return list(map(int, tokens))

    encoding = "utf-8"

    def _refuse_special(self, tokens: list[Any], who: str) -> None:
        for kind, token, matters in (
            ("mask", self.mask_token, True),
            ("unknown", self.oov_token, self.invert),
        ):
            if matters and token is not None and token in tokens:
                raise ArgumentError(
                    who,
                    f"the token {token!r}, which stands for the {kind} one, is among the others",
                    expected="all special tokens at the beginning, or none of them",
                    received={"index": tokens.index(token)},
                )

    def _take(self, tokens: list[Any]) -> None:
        """Let tokens be the vocabulary, after a look at them."""
        who = self._who
        repeated = [token for token, count in Counter(tokens).items() if count > 1]
        if repeated:
            raise ArgumentError(
                who, "a token is in the vocabulary twice", received={"tokens": repeated[:10]}
            )
        size = self._token_start + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ArgumentError(
                who,
                "the vocabulary is too large",
                expected=f"at most max_tokens={self.max_tokens}, special tokens included",
                received={"size": size},
            )
        fixed = self.output_mode != "int" and not self.pad_to_max_tokens
        if fixed and self._known_size not in (None, size):
            raise GraphError(
                who,
                "its outputs cannot change their width any more",
                expected=f"a vocabulary of size {self._known_size}",
                received={"size": size},
                mend="Make a new layer, or use pad_to_max_tokens.",
            )
        self._vocabulary = self._of(tokens)
        self._known_size = size

    def _of(self, tokens: list[Any]) -> Vocabulary:
        mask = {self.mask_token: 0 if self._oov_start else NO_TRACE}
        return Vocabulary(tokens, self._token_start, {} if self.mask_token is None else mask)

    def _take_weights(self, weights: np.ndarray, has_special: bool, who: str) -> None:
        size = len(self._vocabulary) + (self._token_start if has_special else 0)
        if weights.shape != (size,):
            raise ArgumentError(
                who,
                "idf_weights are of another number than the tokens",
                expected=f"shape ({size},)",
                received={"idf_weights.shape": weights.shape},
            )
        if not has_special:
            weights = self._with_front(weights, np.average(weights))
        self.idf_weights = self._padded(weights)

    def _with_front(self, weights: np.ndarray, value: Any) -> np.ndarray:
        """Give the special tokens a weight too."""
        budget.take(weights.itemsize * self._token_start, "weights of special tokens")
        return np.concatenate([np.full(self._token_start, value, weights.dtype), weights])

    def _padded(self, weights: np.ndarray) -> np.ndarray:
        """Bring weights to the width of the outputs."""
        width = (self.max_tokens or 0) if self.pad_to_max_tokens else 0
        missing = max(width - len(weights), 0)
        budget.take(weights.itemsize * missing, f"the weights of max_tokens={width}")
        return np.pad(weights, (0, missing))

    # Learning.

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the vocabulary: all tokens, the most frequent first, of equals the last in order.

        Parameters
        ----------
        data : array, list, or an iterable of batches, of strings or of whole numbers; (N,) are N
            samples, of a batch they are one. A batch may be a tuple whose first entry counts
        steps : int or None, how many batches, all by default
        """
        self.reset_state()
        whole = is_whole(data)
        for batch in batches_of(data, steps, self._who):
            x = self._keys(batch)
            self.update_state(x[:, np.newaxis] if whole and x.ndim == 1 else x)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Count the tokens of a batch."""
        x = self._keys(data)
        self.count(x.reshape(1 if x.ndim < 2 else len(x), -1).tolist())

    def count(self, samples: Iterable[Sequence[Any]]) -> None:
        """Count the tokens of samples, each a list of them."""
        if self._has_input_vocabulary:
            raise ArgumentError(
                self._who,
                "it was given its vocabulary",
                mend="Leave vocabulary out for a layer that learns it.",
            )
        self._counts.update(samples, in_samples=self.output_mode == "tf_idf")

    def finalize_state(self) -> None:
        """Make the vocabulary of what was counted."""
        tokens = self._counts.ranked(without=(self.mask_token, self.oov_token))
        if not tokens:
            self._known_size = self._known_size or self.vocabulary_size()
            return
        if self.max_tokens:
            del tokens[max(self.max_tokens - self._token_start, 0) :]
        self._take(tokens)
        if self.output_mode == "tf_idf":
            weights = self._counts.rarity(tokens).astype(config.floatx())
            self.idf_weights = self._padded(self._with_front(weights, weights.mean()))
        self.reset_state()

    def reset_state(self) -> None:
        """Forget what was counted; the vocabulary stays until there is another."""
        self._counts = TokenCounts()

    # Files: what was given is in the configuration, what was learned in a file of its own.

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer, without a vocabulary that it learned."""
        given, weights = self.input_vocabulary, self.input_idf_weights
        return super().get_config() | {
            "vocabulary": None if given is None else given.tolist(),
            "idf_weights": None if weights is None else np.asarray(weights).tolist(),
            "vocabulary_size": self._known_size,
            "oov_method": self.oov_method,
            "salt": self.salt,
        }

    def save_own_variables(self, store: Any) -> None:
        """Write the tokens' weights, with output_mode="tf_idf"."""
        if self.idf_weights is not None:
            store["idf_weights"] = self.idf_weights

    def load_own_variables(self, store: Any) -> None:
        """Read what `save_own_variables` wrote."""
        if self.output_mode == "tf_idf" and "idf_weights" in store:
            self.idf_weights = np.asarray(store["idf_weights"], config.floatx())

    def save_assets(self, dir_path: Any) -> None:
        """Write the vocabulary into a folder, a token a line, unless the configuration has it."""
        if self.input_vocabulary is None:
            lines = "\n".join(map(str, self.get_vocabulary()))
            Path(dir_path, "vocabulary.txt").write_text(lines, encoding="utf-8")

    def load_assets(self, dir_path: Any) -> None:
        """Read what `save_assets` wrote."""
        if self.input_vocabulary is None:
            words = Path(dir_path, "vocabulary.txt").read_text(encoding="utf-8").split("\n")
            while words and not words[-1]:
                words.pop()
            if words:
                tokens = words if self.is_of_strings else [int(word) for word in words]
                self.set_vocabulary(tokens, self.idf_weights)
