"""The stack's configuration as a typed model; everything wrong with it is said at once, by config path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, get_origin

import pulumi
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel

from toolkit.contract import (
    DnsLabel,
    KeyAlgorithm,
    MeshNames,
    Region,
    UsageMode,
    distinct_zones,
    validation_problems,
)
from toolkit.errors import InvalidInputError, Problem
from toolkit.pki import arn

if TYPE_CHECKING:
    from collections.abc import Mapping

# An IAM role name has at most 64 characters. Pulumi's automatic names add 8 to the logical name, and the
# longest logical name here is "verifier-<zone>".
_MAX_ZONE_NAME = 64 - 8 - len("verifier-")


class SettingsError(InvalidInputError, pulumi.RunError):
    """The configuration is not valid; a ``RunError``, so Pulumi prints the text and no traceback."""

    def __str__(self) -> str:
        return "\n".join(self.lines())


def _oidc_provider(value: str) -> str:
    arn.oidc_provider(value)
    return value


def _principal(value: str) -> str:
    if arn.Arn.parse(value).service not in {"iam", "sts"}:
        raise ValueError(f"{arn.shown(value)} is not the ARN of an IAM principal")
    return value


# X.520's upper bounds for O and CN (RFC 5280, appendix A.1); AWS takes these characters in both
# (botocore acm-pca: ASN1PrintableString64 and String64).
_Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[\x20-\x7e]+$")]
_ServiceAccount = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[a-z0-9.-]+$")]


class _Model(BaseModel):
    # Not strict: Pulumi hands over "10" for 10 and "true" for true.
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True)


class ZoneSettings(_Model):
    """One zone: where it runs and which service account its control plane has.

    Attributes:
        oidc_provider_arn: the IAM OIDC provider of the zone's EKS cluster.
        namespace: of the control plane; Kong's chart uses ``kong-mesh-system``.
        service_account: of the control plane; Kong's chart uses ``kong-mesh-control-plane``.
    """

    name: Annotated[DnsLabel, Field(max_length=_MAX_ZONE_NAME)]
    region: Region
    oidc_provider_arn: Annotated[str, AfterValidator(_oidc_provider)]
    namespace: DnsLabel = "kong-mesh-system"
    service_account: _ServiceAccount = "kong-mesh-control-plane"


class Settings(_Model):
    """What a stack may ask for; ``Pulumi.yaml`` describes each key and holds the defaults users see."""

    topology: Literal["root", "intermediate"] = "intermediate"
    meshes: MeshNames = ("default",)
    organization: _Name = "Example Corp"
    # " Issuing CA" is what the longest common name adds to it.
    ca_name: Annotated[_Name, Field(max_length=64 - len(" Issuing CA"))] = "Kong Mesh"
    key_algorithm: KeyAlgorithm = "EC_prime256v1"
    usage_mode: UsageMode = "GENERAL_PURPOSE"
    root_validity_years: Annotated[int, Field(ge=1, le=30)] = 10
    intermediate_validity_years: Annotated[int, Field(ge=1, le=30)] = 5
    intermediate_path_length: Annotated[int, Field(ge=0, le=3)] = 0
    deletion_window_days: Annotated[int, Field(ge=7, le=30)] = 30
    protect: bool = True
    verifier_principals: tuple[Annotated[str, AfterValidator(_principal)], ...] = ()
    zones: Annotated[tuple[ZoneSettings, ...], AfterValidator(distinct_zones)]

    @field_validator("intermediate_validity_years")
    @classmethod
    def _root_outlives_the_intermediate(cls, value: int, info: ValidationInfo) -> int:
        # AWS refuses a certificate that ends after its issuer's (user guide, PCATsExceptions.md). Even equal
        # years are refused, because the intermediate is issued a moment after the root.
        root = info.data.get("root_validity_years")
        if info.data.get("topology") == "intermediate" and root is not None and value >= root:
            raise ValueError(f"must be less than rootValidityYears ({root}): a CA can't outlive its issuer")
        return value

    @field_validator("intermediate_path_length")
    @classmethod
    def _short_lived_is_last(cls, value: int, info: ValidationInfo) -> int:
        # privateca/latest/userguide/short-lived-certificates.html: it must be the last CA of its chain.
        if value and info.data.get("usage_mode") == "SHORT_LIVED_CERTIFICATE":
            raise ValueError("must be 0: a CA in short-lived mode can't have another CA below it")
        return value


def read_settings(config: pulumi.Config) -> Settings:
    """Read the stack's configuration.

    Raises:
        SettingsError: anything in it is not valid.
    """
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        key = to_camel(name)
        structured = get_origin(field.annotation) is tuple
        try:
            value = config.get_object(key) if structured else config.get(key)
        except pulumi.ConfigTypeError:
            problems.append(Problem(key, "is neither a YAML list nor JSON"))
            continue
        if value is not None:
            values[key] = value
    return check_settings(values, config.name, problems)


def check_settings(values: Mapping[str, Any], project: str, known: list[Problem] | None = None) -> Settings:
    """Turn configuration values into settings.

    Args:
        values: by key, without the project's name before it.
        project: the name that stands before every key in the stack's file.
        known: problems found while reading; keys named by them are not judged again.

    Raises:
        SettingsError: any value is not valid.
    """
    known = list(known or [])
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        unreadable = {problem.path for problem in known}
        known += [problem for problem in validation_problems(error) if problem.path not in unreadable]
    if known:
        problems = [Problem(f"{project}:{path}", message) for path, message in known]
        raise SettingsError(
            f"the stack's configuration is not valid: {len(problems)} problem{'s'[: len(problems) > 1]}",
            problems,
            "Mend stacks/Pulumi.<stack>.yaml or use pulumi config set; Pulumi.yaml describes every key.",
        )
    return settings


def account_problems(settings: Settings, account: str) -> list[Problem]:
    """Zones whose OIDC provider is not in the account that gets the roles; IAM trusts only its own.

    Args:
        settings: the stack's settings.
        account: the twelve digits of the account that the stack deploys to.
    """
    return [
        Problem(
            f"zones[{index}].oidcProviderArn",
            f"is in account {found}, but this stack deploys to {account}; a role trusts only providers of its own",
        )
        for index, zone in enumerate(settings.zones)
        if (found := arn.oidc_provider(zone.oidc_provider_arn).account) != account
    ]
