"""Nested lists, tuples and dicts: what models take, give, and are compiled with.

A leaf is anything else. The leaves of a dict come in the order of its sorted keys, as in Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["flatten", "is_nested", "map_structure", "pack"]


def is_nested(tree: Any) -> bool:
    """Return whether ``tree`` is a list, a tuple or a dict."""
    return isinstance(tree, list | tuple | dict)


def flatten(tree: Any) -> list[Any]:
    """Return the leaves.

    Examples
    --------
    >>> flatten({"b": [1, (2, 3)], "a": None})
    [None, 1, 2, 3]
    """
    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in flatten(tree[key])]
    if isinstance(tree, list | tuple):
        return [leaf for branch in tree for leaf in flatten(branch)]
    return [tree]


def map_structure(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply a function to each leaf, and to the branches of ``others`` in its place.

    Examples
    --------
    >>> map_structure(lambda x: 2 * x, {"a": [1, 2]})
    {'a': [2, 4]}
    """
    if isinstance(tree, dict):
        return {k: map_structure(function, tree[k], *(o[k] for o in others)) for k in tree}
    if isinstance(tree, list | tuple):
        branches = [map_structure(function, *them) for them in zip(tree, *others, strict=True)]
        return type(tree)(*branches) if hasattr(tree, "_fields") else type(tree)(branches)
    return function(tree, *others)


def pack(structure: Any, leaves: list[Any]) -> Any:
    """Return ``leaves`` in the nesting of ``structure``; the inverse of `flatten`.

    Examples
    --------
    >>> pack({"a": 0, "b": [0, 0]}, [1, 2, 3])
    {'a': 1, 'b': [2, 3]}
    """

    def build(branch: Any, coming: Iterator[Any]) -> Any:
        if isinstance(branch, dict):
            built = {key: build(branch[key], coming) for key in sorted(branch)}
            return {key: built[key] for key in branch}
        if isinstance(branch, list | tuple):
            return type(branch)([build(twig, coming) for twig in branch])
        return next(coming)

    return build(structure, iter(leaves))
