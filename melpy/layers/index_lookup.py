"""What `StringLookup` and `IntegerLookup` share: a token becomes its index, and back."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np

from melpy import budget, config, ops
from melpy.errors import ArgumentError, DataError, GraphError, lookup
from melpy.layers.encoding import MODES, encoded
from melpy.layers.hashing import hashed, salt_of
from melpy.layers.vocabulary import UNKNOWN
from melpy.layers.vocabulary_layer import VocabularyLayer
from melpy.probing import is_describing
from melpy.strings import STRING
from melpy.tensor import Tensor

__all__ = ["IndexLookup"]

OOV_METHODS = {name: name for name in ("floormod", "farmhash")}


class IndexLookup(VocabularyLayer):
    """Tokens become their index in a vocabulary, in the output mode. Abstract.

    Parameters
    ----------
    max_tokens : int > 1 or None, how large the vocabulary may be, special tokens included
    num_oov_indices : int >= 0, how many indices there are for what is out of the vocabulary
    mask_token : what stands for nothing: index 0 with "int", no trace with other modes; or None
    oov_token : what ``invert`` gives for an index that no token has
    vocabulary_dtype : "string" or "int64"
    vocabulary, idf_weights, invert, output_mode, sparse, pad_to_max_tokens, oov_method, salt : as
        in the subclasses
    """

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary_dtype: str,
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        name: str | None = None,
        salt: Any = None,
        vocabulary_size: int | None = None,
        has_input_vocabulary: bool | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("dtype", None)  # the tokens', which is known
        who = type(self).__name__
        super().__init__(
            output_mode=output_mode, modes=(*MODES, "tf_idf"), sparse=sparse, name=name, **kwargs
        )
        self.max_tokens, self.num_oov_indices = max_tokens, num_oov_indices
        self.mask_token, self.oov_token, self.invert = mask_token, oov_token, invert
        self.vocabulary_dtype, self.pad_to_max_tokens = vocabulary_dtype, pad_to_max_tokens
        self.oov_method = lookup("oov_method", oov_method, OOV_METHODS, who)
        self.salt = salt_of(salt, who)
        self._check_arguments(who, idf_weights)
        self.takes_text = self.is_of_strings and not invert
        self.idf_weights = None if idf_weights is None else np.asarray(idf_weights, config.floatx())
        self.input_idf_weights = idf_weights
        is_file = isinstance(vocabulary, str | PathLike)
        self.input_vocabulary = None
        if vocabulary is not None and not is_file:  # no list: layers look for parts among lists
            self.input_vocabulary = np.array(self._tokens(vocabulary, self._who), object)
        given = vocabulary is not None
        self._has_input_vocabulary = given if has_input_vocabulary is None else has_input_vocabulary
        self._known_size = vocabulary_size
        self._vocabulary = self._of([])
        self.reset_state()
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    def _check_arguments(self, who: str, idf_weights: Any) -> None:
        of_bins = not self.is_of_strings and self.oov_method != "farmhash"
        given = {"idf_weights": idf_weights, **vars(self)}
        for is_wrong, name, what in (
            (self.max_tokens is not None and self.max_tokens <= 1, "max_tokens", "is too small"),
            (self.num_oov_indices < 0, "num_oov_indices", "is negative"),
            (self.pad_to_max_tokens and not self.max_tokens, "max_tokens", "is to be padded to"),
            (self.invert and self.output_mode != "int", "output_mode", 'is not "int" with invert'),
            (idf_weights is not None and self.output_mode != "tf_idf", "output_mode",
             'is not "tf_idf" with idf_weights'),
            (self.salt is not None and of_bins, "oov_method", 'is not "farmhash" with a salt'),
        ):  # fmt: skip
            if is_wrong:
                raise ArgumentError(who, f"{name} {what}", received={name: given[name]})
        budget.need(8 * self.num_oov_indices, f"{who}, num_oov_indices={self.num_oov_indices}")

    @property
    def input_dtype(self) -> str:
        """The type that a symbolic input has: the tokens', or with ``invert`` int64."""
        return "int64" if self.invert else self.vocabulary_dtype

    @property
    def _output_dtype(self) -> Any:
        """Indices are whole numbers and rows are floats, whatever the type of the tokens."""
        if self.invert:
            return STRING if self.is_of_strings else "int64"
        return "int64" if self.output_mode == "int" else config.floatx()

    def _as_input(self, inputs: Any) -> np.ndarray:
        return self._keys(inputs)

    def call(self, inputs: Any) -> Any:
        """Return the indices, in the output mode; with ``invert``, the tokens of indices."""
        if self.invert:
            return Tensor.of(self._inverted(inputs), None)
        return self.in_mode(self.indices(inputs.ravel().tolist()).reshape(inputs.shape))

    def _inverted(self, indices: np.ndarray) -> np.ndarray:
        words = self._vocabulary.tokens
        special = [self.oov_token, *[self.mask_token] * self._oov_start]
        tokens = np.array([*words, *special], object if self.is_of_strings else np.int64)
        places = np.asarray(indices - self._token_start)
        places[(places < 0) | (places >= len(words))] = len(words)
        places[(indices == 0) & (self._oov_start > 0)] = -1  # the mask
        return tokens[places]

    def indices(self, keys: Sequence[Any]) -> np.ndarray:
        """Return the index of each key; a negative one where it shall leave no trace."""
        found = self._vocabulary.indices(keys)
        unknown = np.flatnonzero(found == UNKNOWN)
        if len(unknown):
            found[unknown] = self._oov_start + self._bins([keys[n] for n in unknown.tolist()])
        return found

    def _bins(self, keys: list[Any]) -> np.ndarray:
        """Return which of the ``num_oov_indices`` each unknown key has."""
        count = self.num_oov_indices
        if count == 0 and not is_describing():  # what stands in then is in no vocabulary
            raise DataError(
                "call",
                "something is not in the vocabulary, and there is no index for such",
                expected="tokens of the vocabulary",
                received={"tokens": list(dict.fromkeys(keys))[:10]},
                mend="Use num_oov_indices=1.",
            )
        if count <= 1:
            return np.zeros(len(keys), np.int64)
        values = np.array(keys, object if self.is_of_strings else np.int64)
        if not self.is_of_strings and self.oov_method == "floormod":
            return values % count
        return (hashed(values, self.salt) % np.uint64(count)).astype(np.int64)

    def in_mode(self, indices: np.ndarray) -> Any:
        """Return indices in the output mode."""
        weighs = self.output_mode == "tf_idf"
        depth = self.depth()
        if self.output_mode != "int" and (depth is None or (weighs and self.idf_weights is None)):
            raise GraphError(
                "call",
                "the vocabulary is not known yet, hence not what the output is",
                expected="a vocabulary, or data to adapt to before",
            )
        mode = "count" if weighs else self.output_mode
        y = encoded(indices, mode, depth or 0, self._output_dtype)
        return ops.multiply(y, self.idf_weights) if weighs else y

    def depth(self) -> int | None:
        """Return how wide a row is, None before the vocabulary is known."""
        return self.max_tokens if self.pad_to_max_tokens else self._known_size
