"""Strings, or whole numbers of any size, become their index in a vocabulary."""

from __future__ import annotations

from typing import Any

from melpy.errors import ArgumentError
from melpy.layers.index_lookup import IndexLookup

__all__ = ["IntegerLookup", "StringLookup"]


class StringLookup(IndexLookup):
    """Strings become their index in a vocabulary, or rows that say which are there.

    Parameters
    ----------
    max_tokens : int > 1 or None, how large the vocabulary may be, special tokens included
    num_oov_indices : int >= 0, how many indices there are for strings out of the vocabulary, which
        share them by their hash; with 0 such strings are refused
    mask_token : str that stands for nothing: index 0 with "int", no trace with other modes; or None
    oov_token : str that ``invert`` gives for an index that no token has
    vocabulary : strings, or the path of a file that has one a line; None to `adapt`
    idf_weights : float for each token, with output_mode="tf_idf" and a vocabulary
    invert : bool, whether indices come in and strings go out
    output_mode : "int" for indices; for rows: "one_hot" of each string; of each sample "multi_hot",
        "count", or "tf_idf", the count times the weight log(1 + N / (1 + N_token)), N the number
        of samples and N_token that of those with the token
    pad_to_max_tokens : bool, whether rows are max_tokens wide even if there are fewer tokens
    sparse : False: arrays here are dense
    encoding : str, that of bytes
    salt : int or two, the key of the hash, SipHash; None for FarmHash
    name : str or None

    Notes
    -----
    Input of any shape, say (N, T); output the same with "int", (N, D) with "multi_hot", "count" and
    "tf_idf", with "one_hot" (N, T, D), or (N, D) where T = 1; D is how many tokens have a place, or
    max_tokens with pad_to_max_tokens. Indices: the mask's, those of strings out of the vocabulary,
    then the vocabulary's. Learned ones go from the most frequent string to the rarest.

    Examples
    --------
    >>> layer = StringLookup(vocabulary=["a", "b", "c"])
    >>> layer([["a", "c", "?"]]).numpy()
    array([[1, 3, 0]])
    >>> counts = StringLookup(output_mode="count")
    >>> counts.adapt(["b", "a", "a"])
    >>> counts.get_vocabulary(), counts([["a", "b", "a"]]).numpy()
    (['[UNK]', 'a', 'b'], array([[0., 2., 1.]], dtype=float32))
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str | None = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        self.encoding = encoding
        super().__init__(
            max_tokens=max_tokens,
            num_oov_indices=num_oov_indices,
            mask_token=mask_token,
            oov_token=oov_token,
            vocabulary_dtype="string",
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            invert=invert,
            output_mode=output_mode,
            sparse=sparse,
            pad_to_max_tokens=pad_to_max_tokens,
            name=name,
            salt=salt,
            **kwargs,
        )


class IntegerLookup(IndexLookup):
    """Whole numbers become their index in a vocabulary, or rows that say which are there.

    Parameters
    ----------
    max_tokens : int > 1 or None, how large the vocabulary may be, special tokens included
    num_oov_indices : int >= 0, how many indices there are for numbers out of the vocabulary; with
        0 such numbers are refused
    mask_token : int that stands for nothing: index 0 with "int", no trace with other modes; or None
    oov_token : int that ``invert`` gives for an index that no token has
    vocabulary : ints, or the path of a file that has one a line; None to `adapt`
    vocabulary_dtype : "int64"
    idf_weights, invert, output_mode, sparse, pad_to_max_tokens : as in `StringLookup`
    oov_method : "floormod" for the remainder of the division by num_oov_indices, or "farmhash" for
        the hash of a number's digits: which of them a number out of the vocabulary has
    salt : int or two, the key of the hash, SipHash, with "farmhash"; None for FarmHash
    name : str or None

    Notes
    -----
    Input of any shape, say (N, T); output the same with "int", (N, D) with "multi_hot", "count" and
    "tf_idf", with "one_hot" (N, T, D), or (N, D) where T = 1; D is how many tokens have a place, or
    max_tokens with pad_to_max_tokens.

    Examples
    --------
    >>> import numpy as np
    >>> layer = IntegerLookup(vocabulary=[12, 36, 1138])
    >>> layer(np.array([[12, 1138, 7]])).numpy()
    array([[1, 3, 0]])
    >>> IntegerLookup(vocabulary=[12, 36, 1138], invert=True)(np.array([1, 3, 0])).numpy()
    array([  12, 1138,   -1])
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int | None = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if vocabulary_dtype != "int64":
            raise ArgumentError(
                "IntegerLookup",
                "tokens are of another type",
                expected='vocabulary_dtype="int64"',
                received={"vocabulary_dtype": vocabulary_dtype},
            )
        super().__init__(
            max_tokens=max_tokens,
            num_oov_indices=num_oov_indices,
            mask_token=mask_token,
            oov_token=oov_token,
            vocabulary_dtype=vocabulary_dtype,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            invert=invert,
            output_mode=output_mode,
            sparse=sparse,
            pad_to_max_tokens=pad_to_max_tokens,
            oov_method=oov_method,
            salt=salt,
            name=name,
            **kwargs,
        )
