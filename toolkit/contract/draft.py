"""Build a contract from several sources, which must not contradict each other."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from pydantic import ValidationError

from toolkit.contract.completing import complete
from toolkit.contract.loading import contract_problems
from toolkit.contract.models import StackOutputs
from toolkit.errors import InvalidInputError, Problem
from toolkit.pki import pem
from toolkit.text import escape
from toolkit.values import Object, Value

_MOST_QUOTED = 24
_HINT = (
    "Give what is missing with an option, or with --map FIELD=OUTPUT; toolkit contract create --help and "
    "docs/reference/contract.md say how."
)


@dataclass
class Draft:
    """A contract that is being built.

    Attributes:
        document: the known values, by the contract's names.
        origins: the source of each value, such as ``--arn``, by path.
        problems: problems that no later source can fix.
        assumed: the defaults that were used, as sentences.
    """

    document: Object = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)

    @property
    def authority(self) -> Object | None:
        """Return the known values of the CA; None if a source's value is not an object."""
        found = self.document.setdefault("certificateAuthority", {})
        return found if isinstance(found, dict) else None

    @property
    def zones(self) -> list[Value] | None:
        """Return the zones, each of any type; None if a source's value is not a list."""
        found = self.document.setdefault("zones", [])
        return found if isinstance(found, list) else None

    def put(self, holder: Object, path: str, value: Value, origin: str) -> None:
        """Set a value; record a problem if another source has set a different value.

        Args:
            holder: the object in the document.
            path: the value's path in the contract, such as ``zones[1].roleArn``.
            value: of any type; the model validates it.
            origin: the value's source, such as ``--arn``.
        """
        name = path.rpartition(".")[2]
        if name in holder and not _is_same(name, holder[name], value):
            before, after = _quote(holder[name]), _quote(value)
            message = f"{self._origin(path) or 'the document'} says {before}, but {origin} says {after}"
            self.problems.append(Problem(path, message))
            return
        holder[name] = value
        self.origins.setdefault(path, origin)

    def validate(self) -> StackOutputs:
        """Return the contract.

        Raises:
            InvalidInputError: the contract is invalid; lists every problem with its path and the value's source.
        """
        contract, problems = self._judge()
        if problems or contract is None:
            raise self._refuse(problems)
        return contract

    def require_rest(self) -> None:
        """Validate everything except the chain, which is looked up in AWS later.

        Raises:
            InvalidInputError: a value is invalid; lists every problem with its path and the value's source.
        """
        _, problems = self._judge()
        if rest := [problem for problem in problems if problem.path != "certificateChain"]:
            raise self._refuse(rest)

    def _judge(self) -> tuple[StackOutputs | None, list[Problem]]:
        try:
            # As JSON, because only then do the strict models accept lists and times.
            contract = StackOutputs.model_validate_json(json.dumps(complete(self.document)))
        except ValidationError as error:
            clashing = {problem.path for problem in self.problems}
            found = [problem for problem in contract_problems(error) if problem.path not in clashing]
            return None, [*self.problems, *found]
        except RecursionError:
            return None, [*self.problems, Problem("", "a value is nested too deeply")]
        return contract, self.problems

    def _refuse(self, problems: list[Problem]) -> InvalidInputError:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        named = [Problem(self._with_origin(problem.path), problem.message) for problem in problems]
        return InvalidInputError(f"the contract can't be made: {count}", named, _HINT)

    def _with_origin(self, path: str) -> str:
        origin = self._origin(path)
        return f"{path} ({origin})" if origin else path

    def _origin(self, path: str) -> str:
        """Return the source of a value or of the object around it, by the longest known path."""
        around = [known for known in self.origins if path == known or path.startswith((f"{known}.", f"{known}["))]
        return self.origins[max(around, key=len)] if around else ""


def _is_same(name: str, one: Value, other: Value) -> bool:
    if one == other:
        return True
    if name != "certificateChain":
        return False
    try:
        return pem.load_certificates(one) == pem.load_certificates(other)
    except (ValueError, TypeError, AttributeError):
        return False


def _quote(value: Value) -> str:
    """Return a value for an error; replace a text that could be anything, such as a key."""
    if isinstance(value, str) and (len(value) <= _MOST_QUOTED or value.startswith("arn:")) and value.isprintable():
        return escape(value)
    return "another value"
