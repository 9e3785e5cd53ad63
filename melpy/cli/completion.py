"""melpy completion: a script by which a shell completes commands, options and their values."""

from __future__ import annotations

import argparse
from typing import Any

from melpy.cli.output import Output
from melpy.cli.parsing import add_command

__all__ = ["SHELLS", "parser", "run", "script"]

EXAMPLES = (
    ('eval "$(melpy completion bash)"', "in ~/.bashrc"),
    ('eval "$(melpy completion zsh)"', "in ~/.zshrc, after compinit"),
    ("melpy completion fish > ~/.config/fish/completions/melpy.fish", "once, for fish"),
)
SHELLS = ("bash", "zsh", "fish")


def parser(commands: Any) -> None:
    """Say what the command takes."""
    made = add_command(
        commands, "completion", run,
        help="write a script that completes commands in a shell",
        description="Write a script by which bash, zsh or fish completes melpy's commands, options "
        "and their values. Once it is read it starts no Python.",
        examples=EXAMPLES,
    )  # fmt: skip
    made.add_argument("shell", choices=SHELLS)


def run(arguments: argparse.Namespace, out: Output) -> int:
    """Write the script."""
    from melpy.cli.main import parser as whole

    text = script(whole(), arguments.shell)
    if out.is_json:
        out.json({"shell": arguments.shell, "script": text})
    else:
        out.stream.write(text)  # as it is: a shell reads it
    return 0


def script(whole: argparse.ArgumentParser, shell: str) -> str:
    """Return the script for a shell.

    Parameters
    ----------
    whole : the parser of all commands
    shell : "bash", "zsh" or "fish"
    """
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](_commands(whole))


Commands = dict[str, tuple[str, list[argparse.Action]]]  # by name: a line of help, and its actions


def _commands(whole: argparse.ArgumentParser) -> Commands:
    groups = [x for x in whole._actions if isinstance(x, argparse._SubParsersAction)]
    group: Any = groups[0]
    lines = {choice.dest: choice.help or "" for choice in group._choices_actions}
    parsers: dict[str, argparse.ArgumentParser] = group.choices
    return {
        name: (lines[name], [a for a in one._actions if a.help != argparse.SUPPRESS])
        for name, one in parsers.items()
    }


def _words(action: argparse.Action) -> list[str]:
    """Return the words that an argument may be, or that are offered beside paths."""
    words: Any = action.choices or getattr(action, "hints", ())
    return [str(word) for word in words]


def _takes_value(action: argparse.Action) -> bool:
    return bool(action.option_strings) and action.nargs != 0


def _bash(commands: Commands) -> str:
    values, options = [], []
    for name, (_, actions) in commands.items():
        offered: list[str] = []
        for action in actions:
            offered += action.option_strings or _words(action)
            if _takes_value(action):
                keys = "|".join(f'"{name} {option}"' for option in action.option_strings)
                values.append(f'    {keys}) words="{" ".join(_words(action))}" ;;')
        options.append(f'      {name}) words="{" ".join(offered)}" ;;')
    lines = [
        "_melpy() {",
        '  local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" words=""',
        '  if [ "$COMP_CWORD" -eq 1 ]; then',
        f'    words="{" ".join(commands)} --help --version"',
        "  else",
        '    case "${COMP_WORDS[1]} $before" in',
        *values,
        '    *) case "${COMP_WORDS[1]}" in',
        *options,
        "      esac ;;",
        "    esac",
        "  fi",
        '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
        "}",
        "complete -o bashdefault -o default -F _melpy melpy",  # paths, where no word fits
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str, also: str = "") -> str:
    """Return a text inside single quotes, signs of the shell's own escaped."""
    for sign in also:
        text = text.replace(sign, "\\" + sign)
    return text.replace("'", "'\\''")


def _either(words: str) -> str:
    """Return what offers words and paths in zsh."""
    return f"{{compadd -- {words}; _files}}"


def _zsh(commands: Commands) -> str:
    lines = ["#compdef melpy", "_melpy() {", "  local -a commands", "  commands=("]
    lines += [f"    '{name}:{_quoted(text, ':')}'" for name, (text, _) in commands.items()]
    lines += [
        "  )",
        "  if (( CURRENT == 2 )); then _describe command commands; return; fi",
        "  local command=$words[2]",
        "  shift words; (( CURRENT-- ))",
        "  case $command in",
    ]
    for name, (_, actions) in commands.items():
        lines.append(f"    {name}) _arguments \\")
        rest = "_files"
        for action in actions:
            told, words = _quoted(action.help or "", "[]:"), " ".join(_words(action))
            if not action.option_strings:
                rest = _either(words) if words else rest
                continue
            value = ""
            if _takes_value(action):
                offered = f"({words})" if action.choices else _either(words) if words else "_files"
                value = f":{action.dest}:{offered}"
            lines += [f"      '{option}[{told}]{value}' \\" for option in action.option_strings]
        lines.append(f"      '*:input:{rest}' ;;")
    lines += ["  esac", "}", "compdef _melpy melpy"]
    return "\n".join(lines) + "\n"


def _fish(commands: Commands) -> str:
    lines = []
    for name, (text, _) in commands.items():
        lines.append(
            f"complete -c melpy -f -n __fish_use_subcommand -a {name} -d '{_quoted(text)}'"
        )
    for name, (_, actions) in commands.items():
        seen = f"complete -c melpy -n '__fish_seen_subcommand_from {name}'"
        for action in actions:
            words, told = " ".join(_words(action)), _quoted(action.help or "")
            names = " ".join(
                f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}"
                for option in action.option_strings
            )
            offered = f" -a '{words}'" if words else ""
            if not names:
                lines += [f"{seen}{offered}"] if words else []
                continue
            value = f" {'-x' if action.choices else '-r'}{offered}"
            lines.append(f"{seen} {names}{value if _takes_value(action) else ''} -d '{told}'")
    return "\n".join(lines) + "\n"
