"""The site: `python -m sphinx -n -W docs OUT`, in French with `-D language=fr` into OUT/fr.

Pages are Markdown (MyST). Those of Learn are notebooks, run while the site is built, from data that
comes with melpy. Nothing of a built page is fetched from elsewhere: formulas are MathML.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext")]

import melpy  # noqa: E402

project = "Melpy"
author = "The Melpy developers"
project_copyright = "The Melpy developers"
version = release = melpy.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "mathml",  # the following are in _ext
    "lesson_blocks",
    "lab_page",
    "public_names",
    "other_language",
    "for_everybody",
    "repository_links",
]
exclude_patterns = ["_*", "learn/class/*"]
suppress_warnings = ["mystnb.unknown_mime_type"]
nitpicky = True

# Markdown
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

# Notebooks
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_cache")
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True
nb_ipywidgets_js = {}  # no page loads a script from elsewhere

# Reference: docstrings are this house's own form, which _ext/docstrings.py makes RST of.
default_role = "literal"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
add_module_names = False
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

# Languages
language = "en"
locale_dirs = ["locales"]
gettext_compact = False
gettext_uuid = False
gettext_location = False
gettext_additional_targets = []

# Look
html_theme = "pydata_sphinx_theme"
html_title = "Melpy"
html_favicon = "_static/icon.svg"
html_static_path = ["_static"]
html_css_files = ["melpy.css"]
templates_path = ["_templates"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "navbar_end": ["other-language", "theme-switcher"],
    "navbar_persistent": ["search-button"],
    "secondary_sidebar_items": ["page-toc", "as-notebook"],
    "show_prev_next": True,
    "show_nav_level": 1,
    "navigation_depth": 3,
    "footer_start": ["copyright"],
    "footer_center": [],
    "footer_end": ["theme-version"],
    "logo": {"text": "Melpy"},
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": []}
html_context = {"default_mode": "auto"}  # light or dark as the reader's system
