"""Nested lists, tuples and dicts: what models take, give, and are compiled with.

A leaf is anything else, None too. The leaves of a dict come in the order of its sorted keys, as in
Keras; those of an OrderedDict in its own order. What comes back is of the type that went in: a
namedtuple, a deque, an OrderedDict or a defaultdict stays one.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from melpy.errors import ArgumentError, DtypeError

__all__ = [
    "MAP_TO_NONE", "assert_same_paths", "assert_same_structure", "flatten", "flatten_with_path",
    "is_nested", "keys_of", "lists_to_tuples", "map_shape_structure", "map_structure",
    "map_structure_up_to", "pack_sequence_as", "row_like", "traverse",
]  # fmt: skip

Path = tuple[Any, ...]
ROWS = (list, tuple, deque)


class MAP_TO_NONE:  # noqa: N801  Keras's name
    """What a function that `traverse` calls returns to put None into the place of its argument."""


def is_nested(structure: Any) -> bool:
    """Return whether this is a list, a tuple, a deque or a dict.

    Examples
    --------
    >>> is_nested({"a": 42}), is_nested(42)
    (True, False)
    """
    return isinstance(structure, list | tuple | dict | deque)


def flatten(structure: Any) -> list[Any]:
    """Return the leaves.

    Examples
    --------
    >>> flatten({"b": [1, (2, 3)], "a": None})
    [None, 1, 2, 3]
    """
    if isinstance(structure, dict):
        return [leaf for key in keys_of(structure) for leaf in flatten(structure[key])]
    if isinstance(structure, ROWS):
        return [leaf for branch in structure for leaf in flatten(branch)]
    return [structure]


def outline(structure: Any) -> Any:
    """Return what two structures have in common whose leaves mean the same, for a key of a dict.

    Examples
    --------
    >>> outline({"b": [1, 2], "a": None})
    (('a', None), ('b', (None, None)))
    """
    if isinstance(structure, dict):
        return tuple((key, outline(structure[key])) for key in keys_of(structure))
    return tuple(map(outline, structure)) if isinstance(structure, ROWS) else None


def flatten_with_path(structure: Any) -> list[tuple[Path, Any]]:
    """Return each leaf with the indices and keys that lead to it.

    Examples
    --------
    >>> flatten_with_path([{"a": 42}])
    [((0, 'a'), 42)]
    """
    if not is_nested(structure):
        return [((), structure)]
    return [
        ((key, *path), leaf)
        for key, branch in _branches(structure)
        for path, leaf in flatten_with_path(branch)
    ]


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """Apply a function to each leaf, or to the leaves at one place of several structures.

    Parameters
    ----------
    func : function of as many arguments as there are structures
    structures : structures nested in the same way
    none_is_leaf : bool, whether None is shown to the function; else it stays None

    Raises
    ------
    ArgumentError : there is no structure, or they are nested differently
    DtypeError : ``func`` cannot be called

    Examples
    --------
    >>> map_structure(lambda x: 2 * x, {"a": [1, 2]})
    {'a': [2, 4]}
    >>> map_structure(lambda x, y: x + y, (1, 2), (10, 20))
    (11, 22)
    """
    _require_callable("map_structure", func, structures)
    for other in structures[1:]:
        _require_same("map_structure", structures[0], other)
    if none_is_leaf:
        return _mapped(func, structures)
    return _mapped(lambda *xs: None if xs[0] is None else func(*xs), structures)


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """Apply a function to what other structures have where a shallow one has its leaves.

    Examples
    --------
    >>> map_structure_up_to([None, [None]], len, [[1, 1], [[2, 2, 2]]])
    [2, [3]]
    """
    who = "map_structure_up_to"
    _require_callable(who, func, structures)
    for other in structures:
        _require_same(who, shallow_structure, other, deeper=True)
    return _mapped(lambda _, *branches: func(*branches), (shallow_structure, *structures))


def _mapped(func: Callable[..., Any], structures: tuple) -> Any:
    """Apply a function to each leaf of the first structure, and to what the others have there."""
    first = structures[0]
    if isinstance(first, dict):
        made = {key: _mapped(func, tuple(s[key] for s in structures)) for key in keys_of(first)}
        return _dict_like(first, made)
    if isinstance(first, ROWS):
        rows = zip(*structures, strict=True)
        return row_like(first, [_mapped(func, branches) for branches in rows])
    return func(*structures)


def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any]) -> Any:
    """Return leaves in the nesting of a structure; the inverse of `flatten`.

    Raises
    ------
    DtypeError : ``flat_sequence`` is no sequence
    ArgumentError : it has more or fewer leaves than the structure

    Examples
    --------
    >>> pack_sequence_as({"b": [0, 0], "a": 0}, [1, 2, 3])
    {'b': [2, 3], 'a': 1}
    """
    if not isinstance(flat_sequence, Iterable):
        raise DtypeError(
            "pack_sequence_as",
            "the leaves are no iterable",
            expected="a list",
            received={"flat_sequence": flat_sequence},
        )
    leaves = list(flat_sequence)
    count = len(flatten(structure))
    if len(leaves) != count:
        raise ArgumentError(
            "pack_sequence_as",
            "there are too many or too few leaves",
            expected=f"{count} of them",
            received={"leaves": len(leaves)},
        )
    coming = iter(leaves)
    return _mapped(lambda _: next(coming), (structure,))


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """Show each branch and each leaf to a function; what it returns takes their place.

    Parameters
    ----------
    func : function of a branch or a leaf; None lets it as it is, `MAP_TO_NONE` makes it None
    structure : structure
    top_down : bool, whether a branch is shown before its twigs; then the twigs of one that was
        replaced are not shown

    Examples
    --------
    >>> traverse(lambda x: 0 if isinstance(x, tuple) else None, [(1, 2), {"a": 3}])
    [0, {'a': 3}]
    """
    _require_callable("traverse", func, (structure,))
    made = func(structure) if top_down else None
    if made is None:
        if isinstance(structure, dict):
            inner = {key: traverse(func, structure[key], top_down) for key in keys_of(structure)}
            structure = _dict_like(structure, inner)
        elif isinstance(structure, ROWS):
            twigs = [traverse(func, twig, top_down) for twig in structure]
            structure = row_like(structure, twigs)
        made = None if top_down else func(structure)
    if made is MAP_TO_NONE:
        return None
    return structure if made is None else made


def lists_to_tuples(structure: Any) -> Any:
    """Return the structure with tuples in the place of lists.

    Examples
    --------
    >>> lists_to_tuples([{"a": [1]}, 2])
    ({'a': (1,)}, 2)
    """
    return traverse(lambda x: tuple(x) if isinstance(x, list) else None, structure, top_down=False)


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """Apply a function to each shape, a list or a tuple of whole numbers and None.

    Examples
    --------
    >>> map_shape_structure(len, {"a": (None, 3), "b": [(2,), ()]})
    {'a': 2, 'b': [1, 0]}
    """
    if isinstance(structure, list | tuple):
        if all(isinstance(size, int | None) for size in structure):
            return func(structure)
        return row_like(structure, [map_shape_structure(func, twig) for twig in structure])
    if isinstance(structure, dict):
        made = {key: map_shape_structure(func, structure[key]) for key in keys_of(structure)}
        return _dict_like(structure, made)
    return func(structure)


def assert_same_structure(a: Any, b: Any) -> None:
    """Refuse two structures that are not nested in the same way.

    Raises
    ------
    ArgumentError : where one has a list, the other has none, or one of another length, or a dict
        has other keys. Dicts of all kinds are the same, lists, tuples and deques are not.

    Examples
    --------
    >>> assert_same_structure([(0, 1)], [(2, 3)])
    """
    _require_same("assert_same_structure", a, b)


def assert_same_paths(a: Any, b: Any) -> None:
    """Refuse two structures whose leaves are at different indices and keys.

    Raises
    ------
    ArgumentError : a path leads to a leaf in one of them only

    Examples
    --------
    >>> assert_same_paths([0, 1], (2, 3))
    """
    paths = [{path for path, _ in flatten_with_path(x)} for x in (a, b)]
    if paths[0] != paths[1]:
        raise ArgumentError(
            "assert_same_paths",
            "the structures' leaves are not at the same paths",
            received={
                "only in a": sorted(map(str, paths[0] - paths[1])),
                "only in b": sorted(map(str, paths[1] - paths[0])),
            },
        )


def keys_of(branch: dict) -> list[Any]:
    """Return a dict's keys in the order of its leaves: sorted, by their types if need be.

    Examples
    --------
    >>> keys_of({"b": 0, "a": 0}), keys_of(OrderedDict(b=0, a=0))
    (['a', 'b'], ['b', 'a'])
    """
    if isinstance(branch, OrderedDict):
        return list(branch)
    try:
        return sorted(branch)
    except TypeError:
        return sorted(branch, key=lambda key: (type(key).__qualname__, str(key)))


def _branches(branch: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(branch, dict):
        return ((key, branch[key]) for key in keys_of(branch))
    return iter(enumerate(branch))


def _dict_like(branch: dict, made: dict) -> Any:
    """Return a dict of the same kind, its keys in the same order."""
    ordered = {key: made[key] for key in branch}
    if isinstance(branch, defaultdict):
        return type(branch)(branch.default_factory, ordered)
    return ordered if type(branch) is dict else type(branch)(ordered)


def row_like(branch: Any, made: list) -> Any:
    """Return entries in a list, tuple, namedtuple or deque of a branch's own kind.

    Examples
    --------
    >>> row_like((1, 2), [3, 4])
    (3, 4)
    """
    if isinstance(branch, deque):
        return deque(made, branch.maxlen)
    if hasattr(branch, "_fields"):
        return type(branch)(*made)
    return made if type(branch) is list else type(branch)(made)


def _require_callable(who: str, func: Any, structures: tuple) -> None:
    if not callable(func):
        raise DtypeError(who, "it cannot be called", expected="a callable", received={"func": func})
    if not structures:
        raise ArgumentError(who, "there is nothing to map", expected="at least one structure")


def _require_same(who: str, a: Any, b: Any, deeper: bool = False) -> None:
    """Refuse b unless it is nested as a is, or deeper, where that is allowed."""
    if not is_nested(a):
        if is_nested(b) and not deeper:
            raise _unlike(who, a, b)
        return
    if isinstance(a, dict):
        if not isinstance(b, dict) or a.keys() != b.keys():
            raise _unlike(who, a, b)
        pairs = [(a[key], b[key]) for key in a]
    else:
        if type(a) is not type(b) or len(a) != len(b):
            raise _unlike(who, a, b)
        pairs = list(zip(a, b, strict=True))
    for branch, other in pairs:
        _require_same(who, branch, other, deeper)


def _unlike(who: str, a: Any, b: Any) -> ArgumentError:
    return ArgumentError(
        who,
        "the structures are not nested in the same way",
        expected=_outline(a),
        received={"structure": _outline(b)},
    )


def _outline(x: Any) -> str:
    """Return what kind of branch this is, in a few words."""
    if isinstance(x, dict):
        return f"{type(x).__name__} with the keys {list(x)}"
    return f"{type(x).__name__} of {len(x)}" if isinstance(x, ROWS) else "a leaf"
