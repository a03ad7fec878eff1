"""Read a long-lived AWS access key for control planes that have no role. It is never shown.

Kong Mesh's ``acmpca`` has fields for an access key and its secret, but none for a session token
(Kong/developer.konghq.com:app/mesh/acm-private-ca-policy.md). So temporary credentials of a role or a login can't be
used.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from toolkit.errors import InvalidInputError, Problem
from toolkit.redaction import know

# docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html: 16 to 128 word characters.
_ACCESS_KEY = re.compile(r"\w{16,128}", re.ASCII)
# docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html: ASIA begins a temporary access key.
_TEMPORARY = "ASIA"
_HINT = "Give the control planes a role (IRSA, Pod Identity, EC2, ECS), or use the access key of an IAM user."


@dataclass(frozen=True)
class Credentials:
    """An access key of an IAM user.

    Attributes:
        access_key: its public part, ``AKIA...``; also kept out of reprs.
        access_key_secret: its secret part.
    """

    access_key: str = field(repr=False)
    access_key_secret: str = field(repr=False)


def read_from_environment(environment: Mapping[str, str]) -> Credentials:
    """Return the access key in AWS's environment variables.

    Raises:
        InvalidInputError: a variable is missing, or the key is temporary.
    """
    return _from_fields(environment, "the environment", ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))


def read_from_file(text: str, source: str, profile: str) -> Credentials:
    """Return the access key of a profile in an AWS credentials file (``~/.aws/credentials``).

    Args:
        text: the file's content.
        source: the file's name in errors.
        profile: the section.

    Raises:
        InvalidInputError: the file has another format, the profile does not exist, or the key can't be used.
    """
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    try:
        parser.read_string(text, source)
    except configparser.Error:
        # configparser's error quotes the invalid line, which may contain a secret.
        raise InvalidInputError(f"{source} is not an AWS credentials file", hint="It has sections: [default]") from None
    if not parser.has_section(profile):
        there = ", ".join(parser.sections()) or "none"
        raise InvalidInputError(f"{source} has no profile {profile}. Profiles: {there}")
    names = ("aws_access_key_id", "aws_secret_access_key")
    return _from_fields(parser[profile], f"profile {profile} of {source}", names)


def check_credentials(access_key: str, access_key_secret: str, source: str) -> Credentials:
    """Return the access key if Kong Mesh can use it.

    Raises:
        InvalidInputError: the key is temporary or invalid.
    """
    access_key, access_key_secret = access_key.strip(), access_key_secret.strip()
    know(access_key_secret)
    if access_key.startswith(_TEMPORARY):
        raise InvalidInputError(
            f"the access key of {source} is temporary ({_TEMPORARY}...), and Kong Mesh has no field for its token",
            hint=_HINT,
        )
    problems = []
    if not _ACCESS_KEY.fullmatch(access_key):
        problems.append(Problem("access key", "must be 16 to 128 letters, digits and underscores"))
    if not access_key_secret.isascii() or not access_key_secret.isprintable() or not access_key_secret:
        problems.append(Problem("access key secret", "is empty, or contains characters that no secret of AWS has"))
    if problems:
        raise InvalidInputError(f"the access key of {source} is not valid", problems, _HINT)
    return Credentials(access_key, access_key_secret)


def _from_fields(fields: Mapping[str, str], source: str, names: tuple[str, str]) -> Credentials:
    missing = [Problem(name, "is missing") for name in names if not fields.get(name, "").strip()]
    if missing:
        raise InvalidInputError(f"{source} has no access key", missing, _HINT)
    access_key, access_key_secret = (fields[name] for name in names)
    return check_credentials(access_key, access_key_secret, source)
