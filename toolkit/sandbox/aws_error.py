"""Errors with AWS's error codes."""

from __future__ import annotations


class AwsError(Exception):
    """An error with AWS's code.

    Args:
        code: the error code, as in botocore's model of acm-pca, or one of the common errors.
        message: the text for people.
        status: the HTTP status; 400 by default, as AWS does.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def make_validation_error(message: str) -> AwsError:
    """Return the common error ``ValidationException``."""
    return AwsError("ValidationException", message)


def make_argument_error(message: str) -> AwsError:
    """Return AWS Private CA's error ``InvalidArgsException``."""
    return AwsError("InvalidArgsException", message)


def make_unsupported_error(what: str) -> AwsError:
    """Return the error for a feature of AWS that the sandbox lacks, so that no rehearsal passes by mistake."""
    return make_argument_error(f"{what} is not in the sandbox; AWS Private CA itself has it.")
