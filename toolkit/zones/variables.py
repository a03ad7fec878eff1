"""Write a zone's variables into an existing environment file, and leave every other line as it is.

systemd and docker read such a file differently. systemd (``EnvironmentFile``, systemd/systemd:src/basic/env-file.c)
supports quotes, comments that begin with ``;`` and lines that continue in the next. docker (``--env-file``,
docker/cli:pkg/kvfile/kvfile.go) reads each line literally, and only some of its versions remove quotes. Lines that are
not the zone's may be for either of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from toolkit.errors import InvalidInputError, Problem
from toolkit.mesh.render.templating import UnfaithfulRenderingError
from toolkit.pki.arn import shown
from toolkit.yamltext.splicing import line_end
from toolkit.zones.aws_variables import Variable, overriding
from toolkit.zones.rendering import environment, notes, refuse_quoting
from toolkit.zones.values_file import Merged, replaced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.contract import Zone

_ADDRESS = "KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS"
# A file that sets another value is another control plane's.
_IDENTIFYING = ("KUMA_MODE", "KUMA_MULTIZONE_ZONE_NAME")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_NAME = re.compile(r"[ \t]*(?P<name>(?:export[ \t]+)?[A-Za-z_][A-Za-z0-9_]*[ \t]*)(?P<equals>=?)", re.ASCII)


class _Variable(NamedTuple):
    """A line that is a variable.

    Attributes:
        line: its number, from 0.
        column: of its name, from 1.
        written: the name and what is around it that should not be.
        value: what follows the equals sign; None if there is no sign.
    """

    line: int
    column: int
    written: str
    value: str | None

    @property
    def name(self) -> str:
        return self.written.split()[-1]

    @property
    def meant(self) -> str:
        """Return the value without the quotes and blanks that systemd removes."""
        text = (self.value or "").strip()
        is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
        return text[1:-1] if is_quoted else text


def merge_environment(base: str, source: str, zone: Zone, address: str | None) -> Merged:
    """Write a zone's variables into an environment file; everything else stays, and a second run changes nothing.

    Args:
        base: the text of the file.
        source: what to call it in an error, usually the file's name.
        zone: of the contract.
        address: of the global control plane; None keeps the one in the file.

    Raises:
        InvalidInputError: the file belongs to another zone or to a global control plane, systemd and docker read its
            lines differently, or a value needs quotes; every problem is named as ``source:line:column``.
        UnfaithfulRenderingError: the result does not have the variables.
    """
    wanted = environment(zone, address)
    refuse_quoting(zone, wanted)
    lines = _LINE.findall(base)
    found = list(_variables(lines))
    if problems := [*_foreign(lines, found, source), *_joined(lines, source), *_problems(found, wanted, source)]:
        raise InvalidInputError(
            f"{source} can't be the environment of zone {zone.name}",
            problems,
            "Name another base, or choose with --zone.",
        )
    there = {variable.name: variable for variable in found}
    changes: list[str] = []
    for name, value in wanted.items():
        old = there.get(name)
        if old is None:
            _append(lines, f"{name}={value}", line_end(base))
        elif old.value != value:
            lines[old.line] = f"{lines[old.line][: old.column - 1]}{name}={value}{_end(lines[old.line])}"
            changes += replaced(zone, f"{source}:{old.line + 1}:{old.column} {name}", old.meant, value)
    text = "".join(lines)
    kept = {variable.name: variable.value for variable in _variables(_LINE.findall(text))}
    if wanted.items() - kept.items():
        raise UnfaithfulRenderingError("the environment is not what it was made of", "This is a defect in the toolkit.")
    has_address = address is not None or _ADDRESS in there
    said = [*notes(zone, has_address=has_address, in_chart=False), *_warnings(zone, found, source)]
    return Merged(text, said, changes)


def _variables(lines: list[str]) -> Iterator[_Variable]:
    for number, line in enumerate(lines):
        match = _NAME.match(line)
        if match is None:
            continue
        rest = line.removesuffix(_end(line))[match.end() :]
        if match["equals"] or not rest.strip():
            yield _Variable(number, match.start("name") + 1, match["name"], rest if match["equals"] else None)


def _foreign(lines: list[str], found: list[_Variable], source: str) -> Iterator[Problem]:
    """Yield a problem for a file of something else, such as Helm values: it has text, but no variable."""
    said = (number for number, line in enumerate(lines, start=1) if line.strip() and line.lstrip()[0] not in "#;")
    if not found and (first := next(said, None)):
        yield Problem(
            f"{source}:{first}:1", "not NAME=VALUE, and neither is any other line; for Helm values use --format helm"
        )


def _joined(lines: list[str], source: str) -> Iterator[Problem]:
    """Yield the lines that systemd and docker split or join differently."""
    for number, line in enumerate(lines):
        text = line.removesuffix(_end(line))
        if "\r" in text:
            yield Problem(
                f"{source}:{number + 1}:{text.index(chr(13)) + 1}", "a carriage return, which docker reads as text"
            )
        if text.strip() and text.lstrip(" \t") != text.lstrip():
            yield Problem(f"{source}:{number + 1}:1", "begins with a blank that docker skips, but systemd does not")
        if _goes_on(text):
            yield Problem(f"{source}:{number + 1}:1", "continues in the next line for systemd, but not for docker")


def _goes_on(line: str) -> bool:
    """Return whether systemd joins a line with the next: its quotes are open, or it ends with a backslash."""
    text = line.lstrip(" \t")
    is_comment = text.startswith(("#", ";"))
    # The first character is part of the name, even an equals sign. Before systemd 254 comments continued as well.
    value = text if is_comment else text[1:].partition("=")[2]
    quote, is_begun, is_escaped = "", is_comment, False
    for character in value:
        if is_escaped:
            is_escaped, is_begun = False, is_begun or not quote
        elif character == "\\" and quote != "'":
            is_escaped = True
        elif quote:
            # After a closing quote another may open.
            quote, is_begun = ("", False) if character == quote else (quote, is_begun)
        elif character in "'\"" and not is_begun:
            quote = character
        else:
            is_begun = is_begun or character not in " \t"
    return is_escaped or bool(quote)


def _problems(found: list[_Variable], wanted: dict[str, str], source: str) -> Iterator[Problem]:
    names = [variable.name for variable in found]
    for variable in found:
        name = variable.name
        where = f"{source}:{variable.line + 1}:{variable.column} {name}"
        if name not in wanted:
            continue
        if names.count(name) > 1:
            yield Problem(where, "is set more than once")
        elif variable.written != name or variable.value is None:
            yield Problem(where, f"write it as {name}=VALUE, which systemd and docker both read")
        elif name in _IDENTIFYING and variable.meant not in ("", wanted[name]):
            yield Problem(where, f"is {shown(variable.meant)}, not {wanted[name]}")


def _warnings(zone: Zone, found: list[_Variable], source: str) -> Iterator[str]:
    """Yield what is accepted and likely to be wrong; docker and systemd use the last of a name."""
    others = [variable for variable in found if variable.name != "AWS_REGION"]
    warned = overriding(zone, [Variable(variable.name, variable.meant) for variable in others], in_chart=False)
    for number, message in warned:
        variable = others[number]
        yield f"{source}:{variable.line + 1}:{variable.column} {variable.name}: {message}"


def _append(lines: list[str], line: str, end: str) -> None:
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += end
    lines.append(line + end)


def _end(line: str) -> str:
    return "\r\n" if line.endswith("\r\n") else "\n" if line.endswith("\n") else ""
