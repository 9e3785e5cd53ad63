"""The site, built."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


THERE = os.environ.get("MELPY_SITE")  # one that is built, with what its cells print


def built(out, *options):
    """Let Sphinx write into a folder, and return it; no warning is let pass."""
    for package in ("sphinx", "myst_nb", "pydata_sphinx_theme", "latex2mathml"):
        pytest.importorskip(package)
    cells = () if THERE else ("-D", "nb_execution_mode=off")
    command = [sys.executable, "-m", "sphinx", "-n", "-W", "-q", *cells, *options, DOCS, out]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return out


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Return where the English site is."""
    return Path(THERE) if THERE else built(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def links(site, tmp_path_factory):
    """Return the links to elsewhere that Sphinx's check of links finds; none is followed."""
    options = ("-b", "linkcheck", "-D", "linkcheck_ignore=.*", "-d", site / ".doctrees")
    out = built(tmp_path_factory.mktemp("links"), *options)
    lines = (out / "output.json").read_text(encoding="utf-8").splitlines()
    return {found["uri"] for found in map(json.loads, lines) if "://" in found["uri"]}


@pytest.fixture(scope="session")
def french_site(site):
    """Return where the French one is, in the English one."""
    there = site / "fr"
    return there if there.exists() else built(there, "-D", "language=fr")
