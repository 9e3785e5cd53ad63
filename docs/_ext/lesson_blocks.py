"""What a lesson is made of: a prediction, an exercise, a folded answer, a room of the Lab.

:::{predict}            a question to answer before the next cell is run
:::{exercise}           something to change or to work out
:::{answer}             its answer, folded away
:::{lab} columns        where the Lab shows the same, on one's own network
"""

from __future__ import annotations

from typing import Any, ClassVar

import lab_page
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

WORDS = {
    "en": {
        "predict": "Predict first",
        "exercise": "Exercise",
        "answer": "Answer",
        "lab": "In the Lab",
        "colon": ": ",
        "play": "Play it here, on a recording",
        "room": "room",
    },
    "fr": {
        "predict": "Prédisez d'abord",
        "exercise": "Exercice",
        "answer": "Réponse",
        "lab": "Dans le Lab",
        "colon": "\u00a0: ",
        "play": "Le jouer ici, sur un enregistrement",
        "room": "salle",
    },
}
ROOMS = ("window", "columns", "back", "pooling", "loss", "network")


class Folded(nodes.General, nodes.Element):
    """A part of a page that opens when it is asked for."""


class Block(SphinxDirective):
    """A box with a title of its own. Abstract."""

    has_content = True
    kind = ""

    def words(self) -> dict[str, str]:
        """Return the titles in the page's language."""
        return WORDS.get(self.config.language, WORDS["en"])

    def parsed(self) -> list[nodes.Node]:
        """Return the block's content."""
        return self.parse_content_to_nodes()

    def boxed(self, title: str, content: list[nodes.Node]) -> list[nodes.Node]:
        """Return a box; its title is in the page's language already, and not to be translated."""
        box = nodes.admonition(classes=[f"lesson-{self.kind}"])
        box += nodes.title(title, title, translatable=False)
        box += content
        return [box]

    def run(self) -> list[nodes.Node]:
        """Make the box."""
        return self.boxed(self.words()[self.kind], self.parsed())


class Predict(Block):
    """A question to answer before going on."""

    kind = "predict"


class Exercise(Block):
    """Something to do."""

    kind = "exercise"


class Answer(Block):
    """An answer, folded away."""

    kind = "answer"

    def run(self) -> list[nodes.Node]:
        """Fold the content."""
        folded = Folded(summary=self.words()[self.kind])
        folded += self.parsed()
        return [folded]


class Lab(Block):
    """The room of the Lab that fits: ``:::{lab} columns``."""

    kind = "lab"
    required_arguments = 1
    option_spec: ClassVar = {"command": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Name the room and the command that opens it."""
        room = self.arguments[0]
        if room not in ROOMS:
            raise self.error(f"the Lab has no room {room!r}; it has {', '.join(ROOMS)}")
        words = self.words()
        name = lab_page.name_of(room, self.config.language)
        which = f"{words['room']} {ROOMS.index(room) + 1}, {name}"
        title = words["lab"] + words["colon"] + which
        command = self.options.get("command", "melpy lab")
        shown = nodes.literal_block(command, command, language="sh", classes=["lab-command"])
        shown["translatable"] = False
        return self.boxed(title, [*self.parsed(), shown, *self.played(room)])

    def played(self, room: str) -> list[nodes.Node]:
        """Return a link to the room in this site, where it is recorded."""
        there = lab_page.address(self.env.docname, room, self.config.language)
        if there is None:
            return []
        words = self.words()["play"]
        link = nodes.reference(words, words, refuri=there, internal=True)
        return [nodes.paragraph("", "", link, translatable=False)]


def open_folded(self: Any, node: Folded) -> None:
    """Begin what HTML calls details."""
    self.body.append(f'<details class="lesson-answer"><summary>{node["summary"]}</summary>\n')


def close_folded(self: Any, node: Folded) -> None:
    """End it."""
    self.body.append("</details>\n")


def passed(self: Any, node: Folded) -> None:
    """Show the content as it is, where nothing can be folded."""


def setup(app: Any) -> dict[str, Any]:
    """Make the directives known."""
    app.add_node(Folded, html=(open_folded, close_folded), latex=(passed, passed),
                 text=(passed, passed), man=(passed, passed))  # fmt: skip
    for directive in (Predict, Exercise, Answer, Lab):
        app.add_directive(directive.kind, directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
