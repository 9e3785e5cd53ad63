"""What the page about scikit-learn says is run."""

import re
from pathlib import Path

import pytest

pytest.importorskip("sklearn")

import melpy

PAGE = Path(melpy.__file__).parents[1] / "docs" / "doors" / "scikit-learn.md"


@pytest.mark.skipif(not PAGE.exists(), reason="not a checkout")
def test_the_page(capsys):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) >= 5
    exec(compile("\n".join(blocks), str(PAGE), "exec"), {"__name__": "page"})
    assert "epochs" in capsys.readouterr().out
