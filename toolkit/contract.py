"""The contract between the Pulumi program and everything that reads its stack outputs.

The program writes it through :class:`StackOutputs`, the command line reads it through the same class, so
neither can drift from the other. A document with one field wrong is refused with every problem by path.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel

from toolkit.errors import InvalidInputError, Problem, SurroundingsError
from toolkit.pki import arn, chain

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA_VERSION: Literal[1] = 1
SHORT_LIVED_MAX = timedelta(days=7)
# A stack with 1,000 zones exports about half a megabyte; anything far beyond is not a contract.
_MAX_BYTES = 16 * 1024 * 1024
_DNS_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_WHERE_FROM = "Export it with: pulumi stack output --json > outputs.json"


def _dns_label(value: str) -> str:
    if not _DNS_LABEL.fullmatch(value):
        raise ValueError("must be 1 to 63 lower-case letters, digits and hyphens, not starting or ending with a hyphen")
    return value


def _region(value: str) -> str:
    if not arn.REGION.fullmatch(value):
        raise ValueError(f"{arn.shown(value)} is not an AWS region")
    return value


def _role(value: str) -> str:
    arn.role(value)
    return value


def _authority(value: str) -> str:
    arn.certificate_authority(value)
    return value


def _rfc3339(value: AwareDatetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def _distinct(names: Iterable[str]) -> None:
    # pydantic's own min_length would also complain of a list whose items were all refused.
    counted = Counter(names)
    if not counted:
        raise ValueError("must name at least one")
    repeated = sorted(name for name, times in counted.items() if times > 1)
    if repeated:
        raise ValueError(f"names {', '.join(repeated)} more than once")


def _distinct_meshes(value: tuple[str, ...]) -> tuple[str, ...]:
    _distinct(value)
    return value


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Zones = TypeVar("_Zones", bound="tuple[_Named, ...]")


def distinct_zones(value: _Zones) -> _Zones:
    """Refuse no zone at all, and zones of one name; for lists of anything that has one.

    Raises:
        ValueError: as pydantic expects it of a validator.
    """
    _distinct(zone.name for zone in value)
    return value


# Kuma takes mesh and zone names that are DNS labels (facts: mesh name at most 63 characters).
DnsLabel = Annotated[str, AfterValidator(_dns_label)]
Region = Annotated[str, AfterValidator(_region)]
RoleArn = Annotated[str, AfterValidator(_role)]
MeshNames = Annotated[tuple[DnsLabel, ...], AfterValidator(_distinct_meshes)]
AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
KeyAlgorithm = Literal["RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"]
SigningAlgorithm = Literal[
    "SHA256WITHRSA", "SHA384WITHRSA", "SHA512WITHRSA", "SHA256WITHECDSA", "SHA384WITHECDSA", "SHA512WITHECDSA"
]
UsageMode = Literal["GENERAL_PURPOSE", "SHORT_LIVED_CERTIFICATE"]
Identity = Literal["irsa", "pod-identity", "ambient"]


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, strict=True, extra="forbid", frozen=True)


class CertificateAuthority(_Model):
    """The private CA that issues for the meshes: the intermediate, or the root of a stack that has only one."""

    arn: Annotated[str, AfterValidator(_authority)]
    type: Literal["ROOT", "SUBORDINATE"]
    region: Region
    usage_mode: UsageMode
    key_algorithm: KeyAlgorithm
    signing_algorithm: SigningAlgorithm
    not_after: Annotated[AwareDatetime, PlainSerializer(_rfc3339)]

    def lifetime_problem(self, lifetime: timedelta) -> str | None:
        """Why the CA can't issue a certificate of that lifetime now; None when it can.

        AWS refuses what ends after the CA (user guide, PCATsExceptions.md), and more than 7 days in short-lived
        mode (privateca/latest/userguide/short-lived-certificates.html).
        """
        if lifetime <= timedelta(0):
            return "must be more than 0: a certificate that ends at once is of no use"
        if self.usage_mode == "SHORT_LIVED_CERTIFICATE" and lifetime > SHORT_LIVED_MAX:
            return "is more than the 7 days that a CA in short-lived mode issues for"
        if lifetime > self.not_after - datetime.now(UTC):
            return f"goes beyond the end of the CA's own certificate on {self.not_after:%Y-%m-%d}"
        return None

    @field_validator("region")
    @classmethod
    def _region_is_that_of_the_arn(cls, value: str, info: ValidationInfo) -> str:
        # kuma-cp calls the CA's own region, which it takes from the ARN (Kong/kong-mesh#3101).
        if "arn" in info.data and (expected := arn.Arn.parse(info.data["arn"]).region) != value:
            raise ValueError(f"is {value}, but the CA's ARN says {expected}")
        return value

    @field_validator("signing_algorithm")
    @classmethod
    def _signature_fits_the_key(cls, value: str, info: ValidationInfo) -> str:
        key = info.data.get("key_algorithm")
        if key and not value.endswith("RSA" if key.startswith("RSA") else "ECDSA"):
            raise ValueError(f"{value} can't be made with a key of {key}")
        return value


class Zone(_Model):
    """One zone of the mesh and the identities it has in AWS."""

    name: DnsLabel
    region: Region
    account_id: AccountId
    namespace: DnsLabel
    service_account: Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[a-z0-9.-]+$")]
    identity: Identity
    role_arn: RoleArn
    verifier_role_arn: RoleArn

    @field_validator("role_arn", "verifier_role_arn")
    @classmethod
    def _role_is_in_the_zones_account(cls, value: str, info: ValidationInfo) -> str:
        account = info.data.get("account_id")
        if account and (found := arn.role(value).account) != account:
            raise ValueError(f"is in account {found}, but the zone is in {account}")
        return value


class StackOutputs(BaseModel):
    """Everything the stack exports. Further outputs beside these are somebody else's and are passed over."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, strict=True, extra="ignore", frozen=True)

    schema_version: Literal[1]
    certificate_authority: CertificateAuthority
    certificate_chain: str
    root_certificate: str
    meshes: MeshNames
    zones: Annotated[tuple[Zone, ...], AfterValidator(distinct_zones)]

    @field_validator("certificate_chain")
    @classmethod
    def _chain_is_in_order(cls, value: str, info: ValidationInfo) -> str:
        certificates = chain.load_bundle(value)
        problems = chain.order_problems(certificates)
        authority: CertificateAuthority | None = info.data.get("certificate_authority")
        if authority and (authority.type == "ROOT") != (len(certificates) == 1):
            problems.append(f"has {len(certificates)} certificates, which a CA of type {authority.type} can't have")
        if authority and not problems and certificates[0].not_valid_after_utc != authority.not_after:
            problems.append(
                f"its first certificate ends {_rfc3339(certificates[0].not_valid_after_utc)}, "
                f"but certificateAuthority.notAfter says {_rfc3339(authority.not_after)}"
            )
        if problems:
            raise ValueError("; ".join(problems))
        return value

    @field_validator("root_certificate")
    @classmethod
    def _root_ends_the_chain(cls, value: str, info: ValidationInfo) -> str:
        root = chain.load_certificate(value)
        bundle = info.data.get("certificate_chain")
        if bundle and chain.load_bundle(bundle)[-1] != root:
            raise ValueError("is not the last certificate of certificateChain")
        return value

    def to_exports(self) -> dict[str, Any]:
        """The contract as plain JSON values under the names of the stack outputs."""
        return self.model_dump(mode="json", by_alias=True)

    def to_json(self) -> str:
        """The contract as ``pulumi stack output --json`` prints it: sorted keys, two blanks, a final newline."""
        return json.dumps(self.to_exports(), indent=2, sort_keys=True) + "\n"


def parse(text: str | bytes, source: str = "the stack outputs") -> StackOutputs:
    """Read the contract from JSON.

    Args:
        text: the document.
        source: what to call it in an error, usually the file's name.

    Raises:
        InvalidInputError: it is not JSON, or not a contract; every problem is named by path.
    """
    try:
        raw = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        json.loads(raw)
        return StackOutputs.model_validate_json(raw)
    except json.JSONDecodeError as error:
        problem = Problem(f"{source}:{error.lineno}:{error.colno}", error.msg)
        raise InvalidInputError(f"{source} is not JSON", [problem], _WHERE_FROM) from error
    except ValidationError as error:
        problems = validation_problems(error)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise InvalidInputError(f"{source} is not a valid contract: {count}", problems, _WHERE_FROM) from error
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        # json gives up on text that is no UTF-8, on very deep nesting and on integers of over 4,300 digits.
        raise InvalidInputError(f"{source} is not JSON", [Problem("", _reason(error))], _WHERE_FROM) from error


def _reason(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def validation_problems(error: ValidationError) -> list[Problem]:
    """Pydantic's findings with paths as a user writes them: ``zones[1].roleArn``."""
    return [Problem(_path(item["loc"]), item["msg"].removeprefix("Value error, ")) for item in error.errors()]


def _path(location: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


def load(outputs: str | None, stack: str | None = None, cwd: str | None = None) -> StackOutputs:
    """Read the contract from where the user said.

    Args:
        outputs: a file, ``-`` for standard input, or None for the Pulumi stack.
        stack: the stack's name; None means the selected one.
        cwd: the directory of the Pulumi project; None means the current one.

    Raises:
        InvalidInputError: the file can't be read or is no contract.
        SurroundingsError: the Pulumi CLI is missing or refuses.
    """
    if outputs is None:
        return parse(_from_pulumi(stack, cwd), "the output of pulumi stack output")
    if outputs == "-":
        return parse(sys.stdin.buffer.read(_MAX_BYTES + 1), "standard input")
    try:
        with Path(outputs).open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInputError(f"can't read {outputs}: {error.strerror or error}", hint=_WHERE_FROM) from error
    if len(content) > _MAX_BYTES:
        raise InvalidInputError(f"{outputs} is larger than 16 MiB, so it is no contract", hint=_WHERE_FROM)
    return parse(content, outputs)


def _from_pulumi(stack: str | None, cwd: str | None) -> bytes:
    command = ["pulumi", "stack", "output", "--json", "--non-interactive"]
    command += ["--stack", stack] if stack else []
    command += ["--cwd", cwd] if cwd else []
    try:
        result = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - no shell, fixed program
    except OSError as error:
        raise SurroundingsError(
            f"can't run the Pulumi CLI: {error.strerror or error}",
            "Install it, or give the outputs with --outputs FILE (or - for standard input).",
        ) from error
    if result.returncode != 0:
        said = result.stderr.decode(errors="replace").strip().splitlines()
        raise SurroundingsError(
            f"pulumi stack output failed: {said[0] if said else f'exit code {result.returncode}'}",
            "Name the stack with --stack and the project's directory with --cwd, or use --outputs FILE.",
        )
    return result.stdout
