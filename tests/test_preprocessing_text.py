"""The tokenizer: ranks, unknown words, matrices, and its way through JSON."""

import numpy as np
import pytest

from melpy.errors import UnknownNameError
from melpy.preprocessing import NotFittedError, Tokenizer
from melpy.preprocessing.text import text_to_word_sequence, tokenizer_from_json

TEXTS = ["The cat sat on the mat.", "The dog ate the cat!", "A mat, a mat; a mat."]


@pytest.fixture
def fitted():
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(TEXTS)
    return tokenizer


def test_words():
    assert text_to_word_sequence("It's  an A-B\tC.") == ["it's", "an", "a", "b", "c"]
    assert text_to_word_sequence("a,b", filters="", split=",") == ["a", "b"]
    assert text_to_word_sequence("Ab", lower=False) == ["Ab"]


def test_ranks_by_hand(fitted):
    assert fitted.word_index == {
        "the": 1, "mat": 2, "a": 3, "cat": 4, "sat": 5, "on": 6, "dog": 7, "ate": 8,
    }  # fmt: skip
    assert fitted.word_counts["mat"] == 4
    assert fitted.word_docs["mat"] == fitted.index_docs[2] == 2
    assert fitted.document_count == 3
    assert fitted.texts_to_sequences(["the mouse on the MAT"]) == [[1, 6, 1, 2]]
    assert fitted.sequences_to_texts([[1, 4, 99]]) == ["the cat"]


def test_num_words_and_unknown_words():
    tokenizer = Tokenizer(num_words=4, oov_token="?")
    tokenizer.fit_on_texts(TEXTS)
    assert tokenizer.word_index["?"] == 1
    assert tokenizer.texts_to_sequences(["the cat, a mouse"]) == [[2, 1, 1, 1]]
    assert tokenizer.sequences_to_texts([[2, 3, 9]]) == ["the mat ?"]
    without = Tokenizer(num_words=3)
    without.fit_on_texts(TEXTS)
    assert without.texts_to_sequences(["the cat, a mat"]) == [[1, 2]]


def test_characters_lists_and_analyzers():
    letters = Tokenizer(char_level=True)
    letters.fit_on_texts(["AAb"])
    assert letters.texts_to_sequences(["ba"]) == [[2, 1]]
    words = Tokenizer(lower=False)
    words.fit_on_texts([["New York", "new york"]])
    assert words.texts_to_sequences([["new york"]]) == [[2]]
    pairs = Tokenizer(analyzer=lambda text: [text[:2], text[2:]])
    pairs.fit_on_texts(["abcd"])
    assert pairs.word_index == {"ab": 1, "cd": 2}


def test_matrices_by_hand(fitted):
    texts = ["mat mat cat", ""]
    count = fitted.texts_to_matrix(texts, "count")
    assert count.shape == (2, 9)
    assert count[0, [2, 4]].tolist() == [2, 1]
    assert count[1].sum() == 0
    np.testing.assert_array_equal(fitted.texts_to_matrix(texts), count > 0)
    np.testing.assert_allclose(fitted.texts_to_matrix(texts, "freq"), count / 3)
    tfidf = fitted.texts_to_matrix(texts, "tfidf")
    assert tfidf[0, 2] == pytest.approx((1 + np.log(2)) * np.log(1 + 3 / 3))


def test_json(fitted):
    again = tokenizer_from_json(fitted.to_json())
    assert again.to_json() == fitted.to_json()
    np.testing.assert_array_equal(
        again.texts_to_matrix(TEXTS, "tfidf"), fitted.texts_to_matrix(TEXTS, "tfidf")
    )


def test_sequences_alone():
    tokenizer = Tokenizer(num_words=4)
    tokenizer.fit_on_sequences([[1, 2, 2], [2]])
    matrix = tokenizer.sequences_to_matrix([[1, 3, 7]], "tfidf")
    assert matrix[0].tolist() == pytest.approx([0, np.log(2), 0, np.log(3)])


def test_refusals(fitted):
    with pytest.raises(UnknownNameError, match="unknown mode 'sum'"):
        fitted.texts_to_matrix(TEXTS, "sum")
    with pytest.raises(NotFittedError, match="not seen any text"):
        Tokenizer().texts_to_matrix(TEXTS)
    with pytest.raises(NotFittedError, match="not seen any text"):
        Tokenizer(num_words=3).sequences_to_matrix([[1]], "tfidf")
