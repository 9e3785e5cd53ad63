"""Models in Graphviz's language, and as pictures without Graphviz."""

import xml.etree.ElementTree as ET

import pytest

import melpy
from melpy import layers
from melpy.errors import ArgumentError, UnknownNameError
from melpy.utils import model_to_dot


def branches():
    a, b = melpy.Input((4,), name="a"), melpy.Input((4,), name="b")
    inner = melpy.Sequential([melpy.Input((4,)), layers.Dense(4), layers.ReLU()], name="inner")
    return melpy.Model([a, b], layers.Add(name='the "sum"')([inner(a), b * 2, a]))


def test_by_hand():
    lines = model_to_dot(branches(), rankdir="LR", dpi=72).to_string().splitlines()
    assert lines[:4] == ["digraph G {", "rankdir=LR;", "dpi=72;", "splines=ortho;"]
    assert 'n4 [label="the \\"sum\\" (Add)"];' in lines
    assert sum("->" in line for line in lines) == 5
    assert str(model_to_dot(branches())).count("[label=") == 5


def test_models_inside_are_clusters():
    text = model_to_dot(branches(), expand_nested=True, show_shapes=True).to_string()
    assert 'label="inner (Sequential)\\n(None, 4) → (None, 4)";' in text
    assert "n2_0 -> n2_1;" in text
    assert "n0 -> n2_0;" in text
    assert "n2_2 -> n4;" in text
    assert text.count("{") == text.count("}")


def test_a_cluster_to_stand_inside_another_graph():
    text = model_to_dot(branches(), subgraph=True).to_string()
    assert text.startswith('subgraph "cluster_')
    assert "style=dashed;" in text


def test_pictures(tmp_path):
    dot = model_to_dot(branches())
    assert ET.fromstring(dot.create(prog="dot", format="svg")).tag.endswith("svg")
    assert dot.create_svg() == dot.create("dot", "svg")
    assert dot.write(tmp_path / "m.dot")
    assert (tmp_path / "m.dot").read_text() == dot.to_string()
    dot.write_svg(tmp_path / "m.svg")
    assert (tmp_path / "m.svg").read_bytes() == dot.create_svg()
    pytest.importorskip("matplotlib")
    assert dot.create_png().startswith(b"\x89PNG")
    dot.write_png(str(tmp_path / "m.png"))
    assert dot.create(format="pdf").startswith(b"%PDF")


def test_refusals():
    with pytest.raises(ArgumentError, match=r"model_to_dot: the model is not built yet\. Call it"):
        model_to_dot(melpy.Sequential([layers.Dense(1)]))
    with pytest.raises(UnknownNameError, match="unknown rankdir"):
        model_to_dot(branches(), rankdir="up")
    with pytest.raises(UnknownNameError, match="unknown format 'gif'"):
        model_to_dot(branches()).create(format="gif")
