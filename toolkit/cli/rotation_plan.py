"""Write the plan of ``toolkit rotate``, with the commands before, for and after each step, as text and as JSON."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import click

from toolkit.cli.control_plane_options import Access
from toolkit.cli.documents import lay_out, read_mode
from toolkit.cli.mesh_options import refuse_public
from toolkit.cli.options import ContractSource, emit, name_stdin, note, repeat_options, say
from toolkit.cli.output_options import Output, write_directory, write_outputs
from toolkit.cli.overwriting import STDIN
from toolkit.cli.parameters import list_inputs
from toolkit.errors import EXIT_CHECK_FAILED
from toolkit.files import PRIVATE, PUBLIC
from toolkit.text import escape
from toolkit.values import Object

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.mesh.rotate.identity_move import IdentityMove
    from toolkit.mesh.rotate.rotation import Rotation, Step
    from toolkit.mesh.schema.mesh import Form

# Files of a rotation in addition to those of its steps.
_BEFORE, SECRETS = "0-before.yaml", "1-secrets.yaml"


@dataclass(frozen=True)
class Request:
    """The options of the plan and of its output.

    Attributes:
        base: the value of ``--base``.
        step: the step to print; None for the plan.
        outputs: where the plan or the step is written.
        directory: where all files are written.
        source: where the contract comes from.
        force: whether to print a step that is not ready.
        diff: whether to show only the diff.
        word: what a step is called.
    """

    base: str
    step: int | None
    outputs: tuple[Output, ...]
    directory: Path | None
    source: ContractSource
    force: bool
    diff: bool
    word: str = "step"


@dataclass(frozen=True)
class Commands:
    """Writes the commands of a plan.

    Attributes:
        form: of the documents.
        mesh: its name.
        request: the options of the plan.
        leave: the backend that ``--from`` must name to repeat the command; empty for none.
    """

    form: Form
    mesh: str
    request: Request
    leave: str = ""

    def apply(self, step: Step, files: Sequence[str], *options: str) -> str:
        """Return the command that applies the documents of a step.

        Args:
            step: the step.
            files: names of the step's files in the directory, in order.
            options: further options of ``toolkit apply``.
        """
        if self.request.directory is None:
            return f"{self._print(step)} | {self.apply_file('-', *options)}"
        return " && ".join(self.apply_file(str(self.request.directory / file), *options) for file in files)

    def apply_file(self, file: str, *options: str) -> str:
        """Return the command that applies a file, to the control plane that the current command line names."""
        if self.form == "kubernetes":
            return shlex.join(["kubectl", "apply", "-f", file])
        # Without a terminal as stdin, it can't ask.
        without_questions = ["--yes"] if file == "-" else []
        return shlex.join(
            ["toolkit", "apply", *repeat_options(Access._fields), "-f", file, *without_questions, *options]
        )

    def verify(self, step: Step, files: Sequence[str], *options: str) -> str:
        """Return the command that verifies issuance before a step is applied.

        Args:
            step: the step.
            files: names of the step's files in the directory.
            options: further options of ``toolkit verify``.
        """
        directory = self.request.directory
        given = ["-"] if directory is None else [str(directory / file) for file in files]
        words = ["toolkit", "verify", *self.request.source.name_options()]
        words += [word for file in given for word in ("-f", file)]
        command = shlex.join([*words, "--mesh", self.mesh, *options])
        return command if directory else f"{self._print(step)} | {command}"

    def _print(self, step: Step) -> str:
        """Return the current command line with ``--step``, to run it again."""
        # The form of the plan is not for a step.
        others = click.get_current_context().params.keys() - {"base", "outputs"}
        words = ["toolkit", "rotate", "--base", self.request.base, *repeat_options(others)]
        if self.leave and "--from" not in words:
            words += ["--from", self.leave]
        command = shlex.join([*words, "--step", str(step.number)])
        if self.request.base != STDIN:
            return command
        # Standard input can't be read twice, so the command gets the mesh again.
        get = "kubectl get mesh" if self.form == "kubernetes" else "kumactl get mesh"
        return f"{get} {shlex.quote(self.mesh)} -o yaml | {command}"


class PlannedStep(NamedTuple):
    """A step with its commands.

    Attributes:
        step: the step.
        apply: the command that applies its documents.
        verify: the command that verifies issuance before; empty for none.
        readiness: whether it may be applied, for programs.
        now: the same for people; empty if it isn't known.
    """

    step: Step
    apply: str
    verify: str
    readiness: Object
    now: str = ""


@dataclass(frozen=True)
class Plan:
    """What is written of a move.

    Attributes:
        move: its steps and documents.
        commands: of the plan.
        heading: lines before the steps.
        facts: the values before the steps, for programs.
        steps: in order.
        secrets: the Secrets to apply before the first step; empty if there are none.
    """

    move: Rotation | IdentityMove
    commands: Commands
    heading: Sequence[str]
    facts: Object
    steps: Sequence[PlannedStep]
    secrets: str = ""

    def write(self) -> None:
        """Write the plan; with ``--output-dir`` also all documents."""
        request, directory = self.commands.request, self.commands.request.directory
        if directory is None:
            write_outputs(request.outputs, lambda form, _: self._to_json() if form == "json" else self._to_text())
            for option, file, parameter, _ in list_inputs(click.get_current_context()):
                if file == STDIN and parameter != "base":
                    note(f"the commands read {name_stdin(parameter)}: save what you piped into {option} - there")
            return
        mode = PRIVATE if self.move.is_confidential else read_mode(request.base)
        files = {_BEFORE: (self.move.before, mode)}
        files |= {name_file(step): (step.text, mode) for step in self.move.steps}
        if self.secrets:
            files[SECRETS] = (self.secrets, PRIVATE)
        files["PLAN.txt"] = (self._to_text(), PUBLIC)
        there = directory / _BEFORE
        if there.exists():
            # It is the way back.
            del files[_BEFORE]
            note(f"{there} is kept as an earlier run wrote it: the mesh before the first step")
        write_directory(directory, files)

    def _to_text(self) -> str:
        lines = [*self.heading]
        for step, apply, verify, _, now in self.steps:
            lines.append(f"{step.number}. {step.name}: {step.words.title}{' (done)' if step.is_done else ''}")
            lines += [f"   now     {now}"] if now else []
            lines += [f"   {line}" for line in _write_instructions(step, verify, apply)]
            if step.number == 1 and (directory := self.commands.request.directory):
                lines.append(f"           {self.commands.apply_file(str(directory / _BEFORE))}")
            lines.append("")
        # Names come from documents: nothing in them ends a line.
        return "\n".join(map(escape, lines))

    def _to_json(self) -> str:
        steps = [
            {
                "number": step.number,
                "name": step.name,
                "title": step.words.title,
                "done": step.is_done,
                **readiness,
                "first": list(step.words.first),
                "verify": verify or None,
                "apply": apply,
                "wait": list(step.words.wait),
                "back": step.words.back,
            }
            for step, apply, verify, readiness, _ in self.steps
        ]
        document = {"schemaVersion": 1, "mesh": self.commands.mesh, **self.facts, "steps": steps}
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def print_step(request: Request, step: Step, text: str, *, is_secret: bool, is_private: bool) -> None:
    """Write the documents of a step, and its instructions to stderr.

    Args:
        request: the options.
        step: the step.
        text: the documents.
        is_secret: whether they contain a credential.
        is_private: whether only their owner may read them.
    """
    (target,) = request.outputs
    if target.file is None and is_secret:
        refuse_public("--output-file or --output-dir")
    emit(lay_out(text, target.form), target.file, PRIVATE if is_private else read_mode(request.base))
    if step.is_done:
        note(f"the mesh is past {request.word} {step.number} already")
    for line in _write_instructions(step):
        say(line)


def refuse_step(problem: str, *details: str, hint: str) -> NoReturn:
    """Exit with 1, because a step is not ready."""
    click.echo(click.style("Not yet:", fg="red") + f" {problem}", err=True)
    for line in details:
        say(f"  {line}")
    click.echo(f"Hint: {hint}", err=True)
    click.get_current_context().exit(EXIT_CHECK_FAILED)


def name_file(step: Step) -> str:
    """Return the name of the file with a step's document."""
    return f"{step.number}-{step.name}.yaml"


def _write_instructions(step: Step, verify: str = "", apply: str = "") -> list[str]:
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
