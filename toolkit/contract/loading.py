"""Read the contract from text, a file, stdin or the Pulumi CLI.

An invalid document may contain anything, even a private key. So an error names the position and the problem, and never
repeats the whole value.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic import ValidationError

from toolkit.contract.completing import complete, is_derived
from toolkit.contract.foreign_outputs import is_terraform, unwrap_terraform
from toolkit.contract.json_text import parse_json
from toolkit.contract.models import StackOutputs
from toolkit.errors import ExternalError, InvalidInputError, Problem
from toolkit.files import name_source, read_at_most
from toolkit.pki import arn
from toolkit.text import describe_type, take_line

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from toolkit.contract.pending import PendingStack

# An organization may mark outputs as secret, and the Pulumi CLI then prints "[secret]" without this option. The
# contract contains no secrets.
_COMMAND = ("pulumi", "stack", "output", "--json", "--show-secrets")
_WHERE_FROM = (
    f"Export it with: {' '.join(_COMMAND)} > outputs.json; for a CA that Pulumi did not make, make it with: "
    "toolkit contract create"
)
_HIDDEN = "[secret]"
_MAX_MESSAGE = 400
_MAX_QUOTED = 16
_MAX_PATH_PART = 60


def parse(text: str | bytes, source: str = "the stack outputs") -> StackOutputs:
    """Read the contract from JSON.

    Args:
        text: the document.
        source: its name in errors, usually the file name.

    Raises:
        InvalidInputError: the text is not JSON or not a contract, with every problem and its path; or the stack's CA is
            still pending.
    """
    stack = read(text, source)
    if isinstance(stack, StackOutputs):
        return stack
    waiting = Problem(
        "pendingCertificateAuthority",
        f"{stack.pending_certificate_authority.arn} needs a certificate from the external CA",
    )
    raise InvalidInputError(
        f"{source}: the stack's CA has no certificate yet",
        [waiting],
        "toolkit contract csr > issuing-ca.csr, have it signed, set issuedCertificate and issuedCertificateChain in "
        "the stack's configuration, and pulumi up again",
    )


def read(text: str | bytes, source: str = "the stack outputs") -> StackOutputs | PendingStack:
    """Read the contract from JSON, also that of a stack whose CA is pending.

    Values that can be derived may be missing. The document may also be the output of ``terraform output -json``, if the
    outputs have the contract's names.

    Args:
        text: the document.
        source: its name in errors, usually the file name.

    Raises:
        InvalidInputError: the text is not JSON or not a contract; lists every problem with its path.
    """
    document = parse_json(text, source, _WHERE_FROM)
    try:
        if is_terraform(document):
            document = unwrap_terraform(document)
        model = _model(document)
        if model is StackOutputs and isinstance(document, dict):
            document = complete(document)
        # As JSON, because only then do the strict models accept lists and times.
        return model.model_validate_json(json.dumps(document))
    except ValidationError as error:
        # "from None", because the error contains the rejected values, and --debug would print them.
        raise _no_contract(source, contract_problems(error)) from None
    except _BothStatesError as error:
        message = "is set together with certificateAuthority; a stack has only one of them"
        raise _no_contract(source, [Problem("pendingCertificateAuthority", message)]) from error
    except RecursionError as error:
        raise InvalidInputError(
            f"{source} is not JSON", [Problem("", "it is nested too deeply")], _WHERE_FROM
        ) from error


class _BothStatesError(Exception):
    """The document has the fields of a pending and of an active stack."""


def _model(document: object) -> type[StackOutputs | PendingStack]:
    if not isinstance(document, dict) or "pendingCertificateAuthority" not in document:
        return StackOutputs
    if "certificateAuthority" in document:
        raise _BothStatesError
    from toolkit.contract.pending import PendingStack  # noqa: PLC0415 - loaded for a pending CA only

    return PendingStack


def _no_contract(source: str, problems: list[Problem]) -> InvalidInputError:
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return InvalidInputError(f"{source} is not a valid contract: {count}", problems, _WHERE_FROM)


def contract_problems(error: ValidationError) -> list[Problem]:
    """Return the problems of a contract, without missing values that could not be derived because of other problems."""
    found = list(zip(list_validation_problems(error), error.errors(), strict=True))
    own = [each for each in found if not (each[1]["type"] == "missing" and is_derived(each[1]["loc"]))]
    return [Problem(path, _told(message, item["input"])) for (path, message), item in own or found]


def _told(message: str, value: object) -> str:
    """Return the message; keep its value only if the value is short or an ARN, because it could be anything."""
    if not isinstance(value, str):
        return message
    if value == _HIDDEN:
        return "is hidden; export it with --show-secrets"
    if len(value) <= _MAX_QUOTED or (value.startswith("arn:") and value.isprintable()):
        return message
    return message.replace(arn.quote(value), f"{value[:_MAX_QUOTED]!r}…")


def list_validation_problems(error: ValidationError) -> list[Problem]:
    """Return pydantic's errors with paths as users write them: ``zones[1].roleArn``."""
    return [Problem(_path(item["loc"]), take_line(_message(item), _MAX_MESSAGE)) for item in error.errors()]


_TEXT = "text"
# The expected type, by the type of pydantic's error.
_WANTED = {
    **dict.fromkeys(("tuple_type", "list_type"), "a list"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "an object with keys"),
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "a whole number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "true or false"),
    "string_type": _TEXT,
}


_PLAIN = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    **dict.fromkeys(("union_tag_not_found", "union_tag_invalid"), "is of a kind that is not known here"),
}


def _message(item: ErrorDetails) -> str:
    """Return the problem in terms of YAML and JSON instead of Python."""
    value, kind = item["input"], item["type"]
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in _WANTED:
        return describe_type(_WANTED[kind], value)
    if kind == "literal_error" and item["loc"][-1] == "schemaVersion":
        expected = item["ctx"]["expected"]
        if type(value) is int and value > 0:
            return f"is {value}, and this version of the toolkit reads {expected}: upgrade the toolkit"
        return f"must be {expected}, as a number"
    return item["msg"].removeprefix("Value error, ")


def _path(location: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{take_line(part, _MAX_PATH_PART)}" for part in location)
    return text.removeprefix(".")


def load(outputs: str | None, stack: str | None = None, cwd: str | None = None) -> StackOutputs:
    """Read the contract from the user's source.

    Args:
        outputs: a file, ``-`` for stdin, or None for the Pulumi stack.
        stack: the stack's name; None for the selected stack.
        cwd: the directory of the Pulumi project; None for the current directory.

    Raises:
        InvalidInputError: the file can't be read or is not a contract, or the stack's CA is still pending.
        ExternalError: the Pulumi CLI is missing or fails.
    """
    content, source = _content(outputs, stack, cwd)
    return parse(content, source)


def load_stack(outputs: str | None, stack: str | None = None, cwd: str | None = None) -> StackOutputs | PendingStack:
    """Read the contract from the user's source, also that of a stack whose CA is pending.

    Args:
        outputs: a file, ``-`` for stdin, or None for the Pulumi stack.
        stack: the stack's name; None for the selected stack.
        cwd: the directory of the Pulumi project; None for the current directory.

    Raises:
        InvalidInputError: the file can't be read or is not a contract.
        ExternalError: the Pulumi CLI is missing or fails.
    """
    content, source = _content(outputs, stack, cwd)
    return read(content, source)


def _content(outputs: str | None, stack: str | None, cwd: str | None) -> tuple[bytes, str]:
    """Return the document, and its name in errors."""
    if outputs is None:
        return _from_pulumi(stack, cwd), "the output of pulumi stack output"
    return read_source(outputs, _WHERE_FROM)


def read_source(outputs: str, hint: str = "") -> tuple[bytes, str]:
    """Return the content of a file or of stdin, and its name in errors.

    Args:
        outputs: a file, or ``-`` for stdin.
        hint: how to get such a document.

    Raises:
        InvalidInputError: it can't be read, or is too large for a contract.
    """
    source = name_source(outputs)
    try:
        return read_at_most(outputs), source
    except OSError as error:
        raise InvalidInputError(f"can't read {source}: {error.strerror or error}", hint=hint) from error


def _from_pulumi(stack: str | None, cwd: str | None) -> bytes:
    import subprocess  # noqa: PLC0415 - a contract in a file needs none, and must be read fast

    command = [*_COMMAND, "--non-interactive"]
    command += ["--stack", stack] if stack else []
    command += ["--cwd", cwd] if cwd else []
    try:
        result = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - no shell, fixed program
    except OSError as error:
        raise ExternalError(
            f"can't run the Pulumi CLI: {error.strerror or error}",
            "Install it, or give a contract with --contract FILE (or - for standard input); toolkit contract create "
            "makes one for a CA that Pulumi did not make.",
        ) from error
    if result.returncode != 0:
        said = result.stderr.decode(errors="replace").strip().splitlines()
        reason = take_line(said[0], _MAX_MESSAGE) if said else f"exit code {result.returncode}"
        raise ExternalError(
            f"pulumi stack output failed: {reason}",
            "Name the stack with --stack and the project's directory with --cwd, or use --contract FILE; "
            "toolkit contract create makes one for a CA that Pulumi did not make.",
        )
    return result.stdout
