"""Nested structures come out in the kind that went in, and are told apart where they differ."""

from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

from melpy import errors, tree

Point = namedtuple("Point", "x y")

KINDS = [
    [1, 2],
    (1, 2),
    deque([1, 2], maxlen=3),
    Point(1, 2),
    {"b": 2, "a": 1},
    OrderedDict([("b", 1), ("a", 2)]),
    defaultdict(list, a=1, b=2),
    {"z": [1, (2,)], 1: {}},
]


@pytest.mark.parametrize("structure", KINDS, ids=lambda x: type(x).__name__)
def test_the_kind_stays(structure):
    doubled = tree.map_structure(lambda x: 2 * x, structure)
    assert type(doubled) is type(structure)
    assert tree.flatten(doubled) == [2 * leaf for leaf in tree.flatten(structure)]
    if isinstance(structure, dict):
        assert list(doubled) == list(structure)
    packed = tree.pack_sequence_as(structure, tree.flatten(structure))
    assert packed == structure
    assert type(packed) is type(structure)
    assert [leaf for _, leaf in tree.flatten_with_path(structure)] == tree.flatten(structure)


def test_the_order_of_leaves():
    assert tree.flatten({"b": 2, "a": 1}) == [1, 2]
    assert tree.flatten(OrderedDict([("b", 2), ("a", 1)])) == [2, 1]
    assert tree.flatten(None) == [None]
    assert tree.flatten_with_path({"b": [2, Point(3, 4)]})[-1] == (("b", 1, 1), 4)


def test_none_may_be_no_leaf():
    assert tree.map_structure(str, [1, None]) == ["1", "None"]
    assert tree.map_structure(str, [1, None], none_is_leaf=False) == ["1", None]


def test_walks():
    seen = []
    tree.traverse(seen.append, [(1,), {"a": 2}])
    assert seen == [[(1,), {"a": 2}], (1,), 1, {"a": 2}, 2]
    seen.clear()
    tree.traverse(seen.append, [(1,), {"a": 2}], top_down=False)
    assert seen == [1, (1,), 2, {"a": 2}, [(1,), {"a": 2}]]
    gone = tree.traverse(lambda x: tree.MAP_TO_NONE if x == 1 else None, [1, [1, 2]])
    assert gone == [None, [None, 2]]


@pytest.mark.parametrize(
    ("a", "b"),
    [([1], (1,)), ([1], [1, 2]), ([1], [[1]]), ([[1]], [1]), ({"a": 1}, {"b": 1}), ({"a": 1}, [1]),
     (Point(1, 2), (1, 2)), (deque([1]), [1])],
)  # fmt: skip
def test_structures_that_differ(a, b):
    with pytest.raises(errors.ArgumentError, match="same way"):
        tree.assert_same_structure(a, b)
    with pytest.raises(errors.ArgumentError, match="same way"):
        tree.map_structure(lambda x, y: x, a, b)


def test_paths_that_differ():
    tree.assert_same_paths([1, 2], (3, 4))
    with pytest.raises(errors.ArgumentError, match=r"only in b.*\(1,\)"):
        tree.assert_same_paths([1], (3, 4))


def test_refused():
    for wrong in (lambda: tree.map_structure("f", [1]), lambda: tree.traverse(1, [1])):
        with pytest.raises(errors.DtypeError, match="cannot be called"):
            wrong()
    with pytest.raises(errors.ArgumentError, match="at least one"):
        tree.map_structure(len)
    with pytest.raises(errors.ArgumentError, match="too many or too few"):
        tree.pack_sequence_as([1, 2], [1])
    with pytest.raises(errors.DtypeError, match="no iterable"):
        tree.pack_sequence_as([1, 2], 1)
