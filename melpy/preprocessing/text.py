"""Words into whole numbers: the tokenizer of Keras's older releases."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from melpy.errors import lookup
from melpy.preprocessing.checks import NotFittedError

__all__ = ["Tokenizer", "text_to_word_sequence", "tokenizer_from_json"]

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
MODES = {name: name for name in ("binary", "count", "freq", "tfidf")}

Text = str | Sequence[str]


def text_to_word_sequence(
    input_text: str, filters: str = FILTERS, lower: bool = True, split: str = " "
) -> list[str]:
    """Return a text's words.

    Parameters
    ----------
    input_text : str
    filters : str, characters that separate words as ``split`` does
    lower : bool, whether words are put in small letters
    split : str, what separates words

    Examples
    --------
    >>> text_to_word_sequence("Nothing is hidden, nothing!")
    ['nothing', 'is', 'hidden', 'nothing']
    """
    text = input_text.lower() if lower else input_text
    text = text.translate({ord(character): split for character in filters})
    return [word for word in text.split(split) if word]


class Tokenizer:
    """Each word becomes its rank among the words that it was fitted on; 0 stands for no word.

    Parameters
    ----------
    num_words : int or None: only ranks below it are kept, num_words - 1 words
    filters : str, characters that separate words as ``split`` does
    lower : bool, whether words are put in small letters
    split : str, what separates words
    char_level : bool, whether every character is a word
    oov_token : str or None: what words that were not kept become, of rank 1; None drops them
    analyzer : function of a text that returns its words, or None

    Attributes
    ----------
    word_index, index_word : dicts, word to rank and back, of all words
    word_counts : dict, how often each word came
    word_docs, index_docs : dicts, in how many texts each word, by itself or by its rank, came
    document_count : int, how many texts came

    Raises
    ------
    NotFittedError : a matrix is asked for before any text was seen, and without num_words
    UnknownNameError : a mode of another name

    Notes
    -----
    A text may also be a list of words.

    Source
    ------
    Keras, ``keras.preprocessing.text.Tokenizer`` of its second release.

    Examples
    --------
    >>> tokenizer = Tokenizer(oov_token="?")
    >>> tokenizer.fit_on_texts(["the cat and the dog", "the end"])
    >>> tokenizer.texts_to_sequences(["the cat is the end"])
    [[2, 3, 1, 2, 6]]
    >>> tokenizer.sequences_to_texts([[2, 5]])
    ['the dog']
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Callable[[str], Sequence[str]] | None = None,
    ) -> None:
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token, self.analyzer = char_level, oov_token, analyzer
        self.document_count = 0
        self.word_counts: Counter[str] = Counter()
        self.word_docs: Counter[str] = Counter()
        self.index_docs: Counter[int] = Counter()
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def _words(self, text: Text) -> Sequence[str]:
        if self.char_level or not isinstance(text, str):
            if not self.lower:
                return text
            return text.lower() if isinstance(text, str) else [word.lower() for word in text]
        if self.analyzer is not None:
            return self.analyzer(text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[Text]) -> None:
        """Count the words of texts, besides those seen before, and rank all by their counts."""
        for text in texts:
            words = self._words(text)
            self.document_count += 1
            self.word_counts.update(words)
            self.word_docs.update(set(words))
        # Sorting is stable: of equally frequent words the one that came first stands first.
        ranked = sorted(self.word_counts, key=lambda word: -self.word_counts[word])
        ranked = ranked if self.oov_token is None else [self.oov_token, *ranked]
        self.word_index = {word: rank for rank, word in enumerate(ranked, start=1)}
        self.index_word = {rank: word for word, rank in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences: Sequence[Iterable[int]]) -> None:
        """Count in how many sequences each rank comes, for `sequences_to_matrix`."""
        self.document_count += len(sequences)
        for sequence in sequences:
            self.index_docs.update(set(sequence))

    def _kept(self, ranks: Iterable[int | None]) -> Iterator[int]:
        """Yield the ranks of words that are kept, for others the unknown word's if there is one."""
        unknown = self.word_index.get(self.oov_token) if self.oov_token is not None else None
        for rank in ranks:
            kept = rank is not None and (not self.num_words or rank < self.num_words)
            found = rank if kept else unknown
            if found is not None:
                yield found

    def texts_to_sequences(self, texts: Iterable[Text]) -> list[list[int]]:
        """Return each text's words as ranks."""
        return [list(self._kept(map(self.word_index.get, self._words(text)))) for text in texts]

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """Return the words of ranks, a space between them."""
        found = (
            self._kept(rank if rank in self.index_word else None for rank in sequence)
            for sequence in sequences
        )
        return [" ".join(self.index_word[rank] for rank in ranks) for ranks in found]

    def texts_to_matrix(self, texts: Iterable[Text], mode: str = "binary") -> np.ndarray:
        """Return `sequences_to_matrix` of texts."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(
        self, sequences: Sequence[Sequence[int]], mode: str = "binary"
    ) -> np.ndarray:
        """Return (N, K): what says how often rank k comes in sequence n.

        Parameters
        ----------
        sequences : N sequences of ranks
        mode : "count" for c, how often it comes; "binary" for whether it does; "freq" for
            c over the sequence's length; "tfidf" for (1 + log c) log(1 + D / (1 + d)), d of the D
            texts having the word
        """
        who = "Tokenizer.sequences_to_matrix"
        lookup("mode", mode, MODES, who)
        if not (self.num_words or self.word_index) or (mode == "tfidf" and not self.document_count):
            raise NotFittedError(
                who,
                "it has not seen any text yet",
                mend="Call fit_on_texts first, or give num_words.",
            )
        K = self.num_words or len(self.word_index) + 1
        out = np.zeros((len(sequences), K))
        for n, sequence in enumerate(sequences):
            for k, c in Counter(k for k in sequence if k < K).items():
                if mode == "tfidf":
                    rarity = np.log(1 + self.document_count / (1 + self.index_docs.get(k, 0)))
                    out[n, k] = (1 + np.log(c)) * rarity
                else:
                    out[n, k] = {"count": c, "binary": 1, "freq": c / len(sequence)}[mode]
        return out

    def get_config(self) -> dict[str, Any]:
        """Return arguments and what was learned, as plain values; dicts as JSON, as in Keras."""
        return {
            "num_words": self.num_words,
            "filters": self.filters,
            "lower": self.lower,
            "split": self.split,
            "char_level": self.char_level,
            "oov_token": self.oov_token,
            "document_count": self.document_count,
            "word_counts": json.dumps(self.word_counts),
            "word_docs": json.dumps(self.word_docs),
            "index_docs": json.dumps(self.index_docs),
            "index_word": json.dumps(self.index_word),
            "word_index": json.dumps(self.word_index),
        }

    def to_json(self, **kwargs: Any) -> str:
        """Return all that `tokenizer_from_json` needs; the arguments are those of json.dumps."""
        kept = {"class_name": type(self).__name__, "config": self.get_config()}
        return json.dumps(kept, **kwargs)


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """Make a tokenizer again from `Tokenizer.to_json`'s result, ours or Keras's.

    Examples
    --------
    >>> tokenizer = Tokenizer()
    >>> tokenizer.fit_on_texts(["to be or not to be"])
    >>> tokenizer_from_json(tokenizer.to_json()).word_index
    {'to': 1, 'be': 2, 'or': 3, 'not': 4}
    """
    config = json.loads(json_string)["config"]
    learned = {
        name: json.loads(config.pop(name))
        for name in ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
    }
    count = config.pop("document_count")
    made = Tokenizer(**config)
    made.document_count = count
    made.word_counts, made.word_docs = (
        Counter(learned[name]) for name in ("word_counts", "word_docs")
    )
    made.word_index = learned["word_index"]
    made.index_docs = Counter({int(k): n for k, n in learned["index_docs"].items()})
    made.index_word = {int(k): word for k, word in learned["index_word"].items()}
    return made
