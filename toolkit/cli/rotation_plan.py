"""Render the plan of ``toolkit rotate``, with the commands before, for and after each step, as text and as JSON."""

from __future__ import annotations

import itertools
import json
import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from toolkit.cli.control_plane_options import NAMES
from toolkit.cli.options import note
from toolkit.text import escape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from toolkit.mesh.rotate.rotation import Rotation, Step
    from toolkit.mesh.schema.mesh import Form
    from toolkit.values import Object


# Files of a rotation in addition to those of its steps.
BEFORE, SECRETS = "0-before.yaml", "1-secrets.yaml"


@dataclass(frozen=True)
class Plan:
    """A rotation with the operator's commands.

    Attributes:
        rotation: the rotation.
        directory: directory of the steps' documents; None if each is printed with ``--step``.
        insight: the mesh's MeshInsight; None without a control plane.
        contract: the options that name the contract.
        proves_issuance: whether ``toolkit verify`` can verify the new backend.
    """

    rotation: Rotation
    directory: Path | None
    insight: Mapping[str, object] | None
    contract: Sequence[str]
    proves_issuance: bool

    def render_text(self) -> str:
        """Return the plan for people."""
        rotation = self.rotation
        lines = [f"Mesh {rotation.mesh}: from {rotation.old} to {rotation.new}, in {len(rotation.steps)} steps", ""]
        for step in rotation.steps:
            lines.append(f"{step.number}. {step.name}: {step.words.title}{' (done)' if step.is_done else ''}")
            missing = self._find_missing(step)
            if missing is not None:
                lines.append(f"   now     {f'not yet: {missing}' if missing else 'the proxies are ready for it'}")
            around = describe_surroundings(step, self._verify(step), self._apply(step))
            lines += [f"   {line}" for line in around]
            if step.number == 1 and self.directory is not None:
                lines.append(f"           {self._apply_file(BEFORE)}")
            lines.append("")
        # Names come from documents: nothing in them ends a line.
        return "\n".join(map(escape, lines))

    def render_json(self) -> str:
        """Return the plan for programs."""
        rotation = self.rotation
        document = {
            "schemaVersion": 1,
            "mesh": rotation.mesh,
            "from": rotation.old,
            "to": rotation.new,
            "form": rotation.form,
            "notes": list(rotation.notes),
            "steps": [self._describe(step) for step in rotation.steps],
        }
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    def _describe(self, step: Step) -> Object:
        missing = self._find_missing(step)
        return {
            "number": step.number,
            "name": step.name,
            "title": step.words.title,
            "done": step.is_done,
            "ready": None if missing is None else not missing,
            "notReadyBecause": missing or None,
            "first": list(step.words.first),
            "verify": self._verify(step) or None,
            "apply": self._apply(step),
            "wait": list(step.words.wait),
            "back": step.words.back,
        }

    def _find_missing(self, step: Step) -> str | None:
        """Return why the step must wait; empty if it need not, None if that is not known or the step is done."""
        from toolkit.mesh.rotate.instructions import find_missing

        if self.insight is None or step.is_done:
            return None
        return find_missing(step.name, self.rotation.old, self.rotation.new, self.insight)

    def _apply(self, step: Step) -> str:
        if self.directory is None:
            return f"{self._repeat()} --step {step.number} | {self._apply_file('-')}"
        files = [SECRETS] if step.number == 1 and self.rotation.secrets else []
        return " && ".join(self._apply_file(file) for file in [*files, name_file(step)])

    def _apply_file(self, name: str) -> str:
        return apply_file(self.rotation.form, name if self.directory is None else str(self.directory / name))

    def _verify(self, step: Step) -> str:
        """Return the command that verifies the new backend before it is enabled; empty for other steps."""
        if step.name != "add" or not self.proves_issuance:
            return ""
        rotation = self.rotation
        words = ["toolkit", "verify", *self.contract]
        if self.directory is None:
            words = [*words, "-f", "-"]
        else:
            secrets = ["-f", str(self.directory / SECRETS)] if rotation.secrets else []
            words = [*words, "-f", str(self.directory / name_file(step)), *secrets]
        command = shlex.join([*words, "--mesh", rotation.mesh, "--backend-name", rotation.new])
        return command if self.directory else f"{self._repeat()} --step {step.number} | {command}"

    def _repeat(self) -> str:
        rotation = self.rotation
        # After the switch, the mesh alone does not show which backend to remove.
        return repeat_command(rotation.form, rotation.mesh, rotation.old if rotation.others else "")


def keep_first(directory: Path, files: dict[str, tuple[str, int]]) -> None:
    """Keep the mesh as it was before the first step, if an earlier run wrote it: it is the way back.

    Args:
        directory: of ``--output-dir``.
        files: the files to write; the kept one is taken out.
    """
    there = directory / BEFORE
    if there.exists():
        del files[BEFORE]
        note(f"{there} stays as an earlier run wrote it: the mesh before the first step")


def name_file(step: Step) -> str:
    """Return the name of the file with a step's document."""
    return f"{step.number}-{step.name}.yaml"


def describe_surroundings(step: Step, verify: str = "", apply: str = "") -> list[str]:
    """Return the lines with prerequisites, commands, waits and rollback of a step, in printable texts.

    Args:
        step: a step of the rotation.
        verify: the command that verifies the new backend; empty for none.
        apply: the command that applies the step's document; empty for none.
    """
    lines = [
        *(f"first   {text}" for text in step.words.first),
        *([f"verify  {verify}"] if verify else []),
        *([f"apply   {apply}"] if apply else []),
        *(f"wait    {text}" for text in step.words.wait),
        f"back    {step.words.back}",
    ]
    return [escape(line) for line in lines]


def apply_file(form: Form, file: str, *options: str) -> str:
    """Return the command that applies a file, to the control plane that the current command line names.

    Args:
        form: of the documents.
        file: its name, or ``-``.
        options: further options of ``toolkit apply``.
    """
    if form == "kubernetes":
        return shlex.join(["kubectl", "apply", "-f", file])
    # Without a terminal as stdin, it can't ask.
    without_questions = ["--yes"] if file == "-" else []
    return shlex.join(["toolkit", "apply", *_list_access(), "-f", file, *without_questions, *options])


def _list_access() -> list[str]:
    """Return the options of the current command line that name the control plane and how to reach it."""
    ctx = click.get_current_context(silent=True)
    words: list[str] = []
    for parameter in ctx.command.params if ctx else []:
        name = str(parameter.name)
        if ctx and name in NAMES and ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            value = ctx.params[name]
            words += [max(parameter.opts, key=len), *([] if value is True else [str(value)])]
    return words


def repeat_command(form: Form, mesh: str, leave: str = "") -> str:
    """Return the current command line, to run it again.

    Args:
        form: of the documents.
        mesh: its name.
        leave: the backend that ``--from`` must name; empty for none.
    """
    called = sys.argv[sys.argv.index("rotate") :] if "rotate" in sys.argv else ["rotate", "..."]
    words = ["toolkit", *_without_outputs(called)]
    if leave and not any(word.startswith("--from") for word in words):
        words += ["--from", leave]
    command = " ".join(word if word == "..." else shlex.quote(word) for word in words)
    if "--base=-" not in words and not any(pair == ("--base", "-") for pair in itertools.pairwise(words)):
        return command
    # Standard input can't be read twice, so the command gets the mesh again.
    get = "kubectl get mesh" if form == "kubernetes" else "kumactl get mesh"
    return f"{get} {shlex.quote(mesh)} -o yaml | {command}"


def _without_outputs(words: Sequence[str]) -> list[str]:
    """Return the words of a command without ``-o`` and its value, which is for the plan and not for a step."""
    kept: list[str] = []
    takes_next = False
    for word in words:
        if takes_next:
            takes_next = False
        elif word in ("-o", "--output"):
            takes_next = True
        elif not (word.startswith("--output=") or (word.startswith("-o") and not word.startswith("--"))):
            kept.append(word)
    return kept
