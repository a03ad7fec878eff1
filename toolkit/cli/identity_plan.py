"""Render the plan of ``toolkit rotate --to mesh-identity`` as text or JSON."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.cli.rotation_plan import BEFORE, apply_file, describe_surroundings, name_file, repeat_command
from toolkit.text import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from toolkit.mesh.rotate.identity_move import IdentityMove
    from toolkit.mesh.rotate.obstacles import Obstacle
    from toolkit.mesh.rotate.rotation import Step
    from toolkit.values import Object

# The stage with the documents for `toolkit verify`.
_PROVABLE = "trust"
# The stages with a MeshIdentity, whose conditions must be true before the next stage.
_WAITING = ("publish", "trust", "switch")


@dataclass(frozen=True)
class IdentityPlan:
    """A move, and where its documents and contract are.

    Attributes:
        move: its stages.
        directory: where the stages' documents are; None if each is printed with ``--step``.
        contract: the options of a command that name the contract.
    """

    move: IdentityMove
    directory: Path | None
    contract: Sequence[str]

    def render_text(self) -> str:
        """Return the plan as text."""
        names = self.move.names
        lines = [f"Mesh {names.mesh}: from Mesh.mtls to MeshIdentity {names.issuer}, in {len(self.move.steps)} stages"]
        lines += ["Experimental: Kong has not released documentation of the extension acmpca.", ""]
        if self.move.obstacles:
            heading = "Decide first" if any(each.before for each in self.move.obstacles) else "Good to know"
            lines += [heading, *(f"   {line}" for each in self.move.obstacles for line in _describe(each)), ""]
        for step in self.move.steps:
            lines.append(f"{step.number}. {step.name}: {step.words.title}{' (done)' if step.is_done else ''}")
            lines += [f"   {line}" for line in describe_surroundings(step, self._verify(step), self._apply(step))]
            if step.number == 1 and self.directory is not None:
                lines.append(f"           {self._apply_file(BEFORE)}")
            lines.append("")
        return "\n".join(map(escape, lines))

    def render_json(self) -> str:
        """Return the plan as JSON values."""
        names = self.move.names
        document = {
            "schemaVersion": 1,
            "mesh": names.mesh,
            "to": "mesh-identity",
            "meshIdentity": names.issuer,
            "form": names.form,
            "experimental": True,
            "notes": list(self.move.notes),
            "decisions": [
                {"before": each.before, "place": each.place, "message": each.message, "fix": each.fix}
                for each in self.move.obstacles
            ],
            "steps": [self._describe_step(step) for step in self.move.steps],
        }
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    def _describe_step(self, step: Step) -> Object:
        return {
            "number": step.number,
            "name": step.name,
            "title": step.words.title,
            "done": step.is_done,
            "ready": not self.move.list_blocking(step.number),
            "first": list(step.words.first),
            "verify": self._verify(step) or None,
            "apply": self._apply(step),
            "wait": list(step.words.wait),
            "back": step.words.back,
        }

    def _apply(self, step: Step) -> str:
        waits = step.name in _WAITING
        if self.directory is not None:
            return self._apply_file(name_file(step), waits=waits)
        return f"{self._repeat()} --step {step.number} | {self._apply_file('-', waits=waits)}"

    def _apply_file(self, name: str, *, waits: bool = False) -> str:
        file = name if self.directory is None else str(self.directory / name)
        # With --zone-control-plane for each zone, it also waits for the conditions.
        return apply_file(self.move.names.form, file, *(["--wait"] if waits else []))

    def _verify(self, step: Step) -> str:
        """Return the command that proves issuance before a stage; empty for the others."""
        if step.name != _PROVABLE:
            return ""
        file = "-" if self.directory is None else str(self.directory / name_file(step))
        command = shlex.join(["toolkit", "verify", *self.contract, "-f", file, "--mesh", self.move.names.mesh])
        return command if self.directory else f"{self._repeat()} --step {step.number} | {command}"

    def _repeat(self) -> str:
        return repeat_command(self.move.names.form, self.move.names.mesh)


def _describe(obstacle: Obstacle) -> Iterator[str]:
    when = f"before stage {obstacle.before}" if obstacle.before else "to know"
    yield f"{when}: {obstacle}"
    yield f"{' ' * len(when)}  {obstacle.fix}"
