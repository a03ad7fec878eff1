"""Read the outputs of Terraform and CloudFormation."""

from __future__ import annotations

from toolkit.contract.json_text import parse_json
from toolkit.errors import InvalidInputError, Problem
from toolkit.text import take_line
from toolkit.values import Object, Value, without_nulls

# developer.hashicorp.com/terraform/cli/commands/output: the keys that -json prints for each output.
_OF_TERRAFORM = frozenset({"value", "type", "sensitive"})
_FROM_TERRAFORM = "Write it with: terraform output -json > outputs.json"
_FROM_CLOUDFORMATION = "Write it with: aws cloudformation describe-stacks --stack-name NAME > stack.json"
_MOST_SHOWN = 60


def is_terraform(document: Value) -> bool:
    """Return whether a JSON value is the output of ``terraform output -json``, with at least one output."""
    return bool(document) and _find_other_form(document) is None


def unwrap_terraform(document: Object) -> Object:
    """Return the values of Terraform's outputs by name.

    Terraform has null for an optional attribute that is not set. Such attributes are left out, as in a contract.

    Args:
        document: a document for which :func:`is_terraform` is true.
    """
    return {name: without_nulls(output["value"]) for name, output in document.items()}


def read_terraform(text: str | bytes, source: str) -> Object:
    """Return the outputs in the output of ``terraform output -json``.

    Args:
        text: the output.
        source: its name in errors, usually the file name.

    Raises:
        InvalidInputError: the text is something else, or has no outputs.
    """
    document = parse_json(text, source, _FROM_TERRAFORM)
    if document == {}:
        raise InvalidInputError(f"{source} has no outputs", hint="Add outputs to the configuration, and apply it.")
    if problem := _find_other_form(document):
        raise _not(source, "what terraform output -json prints", problem, _FROM_TERRAFORM)
    try:
        return unwrap_terraform(document)
    except RecursionError as error:
        problem = Problem("", "it is nested too deeply")
        raise _not(source, "what terraform output -json prints", problem, _FROM_TERRAFORM) from error


def read_cloudformation(text: str | bytes, source: str) -> Object:
    """Return the outputs of the one stack in the output of ``aws cloudformation describe-stacks``.

    Args:
        text: the output.
        source: its name in errors, usually the file name.

    Raises:
        InvalidInputError: the text is something else, has several stacks, or the stack has no outputs.
    """
    document = parse_json(text, source, _FROM_CLOUDFORMATION)
    outputs = _outputs(_stack(document, source), source)
    found: Object = {}
    for number, output in enumerate(outputs):
        # botocore cloudformation: Output has OutputKey, OutputValue, Description and ExportName, all strings.
        key, value = (output.get(name) if isinstance(output, dict) else None for name in ("OutputKey", "OutputValue"))
        if not isinstance(key, str) or not isinstance(value, str):
            problem = Problem(f"Outputs[{number}]", "must be an object with the texts OutputKey and OutputValue")
            raise _not(source, "what describe-stacks prints", problem, _FROM_CLOUDFORMATION)
        found[key] = value
    return found


def _find_other_form(document: Value) -> Problem | None:
    """Return why a JSON value is not the output of ``terraform output -json``; None if it is."""
    if not isinstance(document, dict):
        return Problem("", "it must be an object with one key for each output")
    for name, output in document.items():
        if not isinstance(output, dict) or not output.keys() >= _OF_TERRAFORM:
            return Problem(take_line(name, _MOST_SHOWN), "must be an object with value, type and sensitive")
    return None


def _stack(document: Value, source: str) -> Value:
    if not isinstance(document, dict) or "Stacks" not in document:
        return document
    stacks = document["Stacks"]
    if isinstance(stacks, list) and len(stacks) == 1:
        return stacks[0]
    many = f"has {len(stacks)} stacks" if isinstance(stacks, list) else "is not a list of stacks"
    problem = Problem("Stacks", f"{many}, but exactly one is needed")
    raise _not(source, "the description of one stack", problem, _FROM_CLOUDFORMATION)


def _outputs(stack: Value, source: str) -> list[Value]:
    outputs = stack.get("Outputs") if isinstance(stack, dict) else None
    if isinstance(outputs, list) and outputs:
        return outputs
    # CloudFormation leaves the key out if a stack has no outputs.
    if isinstance(stack, dict) and "StackName" in stack and outputs in (None, []):
        raise InvalidInputError(f"{source}: the stack has no outputs", hint="Add Outputs to its template.")
    problem = Problem("Outputs", "must be the list of the stack's outputs")
    raise _not(source, "what describe-stacks prints", problem, _FROM_CLOUDFORMATION)


def _not(source: str, what: str, problem: Problem, hint: str) -> InvalidInputError:
    return InvalidInputError(f"{source} is not {what}", [problem], hint)
