"""Build the Jobs that verify zones in their clusters, from the contract and the operator's options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from toolkit.contract import StackOutputs, Zone, list_validation_problems
from toolkit.errors import InvalidInputError, Problem
from toolkit.jobs import option_values, workloads
from toolkit.mesh.documents import reader as documents
from toolkit.mesh.documents.applied import Applied, choose_applied
from toolkit.mesh.documents.applied_identity import AppliedIdentity
from toolkit.mesh.documents.confidential import find_chain_problem
from toolkit.mesh.schema.acmpca import ACMPCA, AcmPcaConf
from toolkit.mesh.schema.secret import KUBERNETES_TYPE, MESH_LABEL, check_object_name
from toolkit.pki import pem
from toolkit.pki.dns_label import check_dns_label
from toolkit.values import Object
from toolkit.verify.plan import PlanOptions, make_plan
from toolkit.yamltext import scalars

if TYPE_CHECKING:
    from toolkit.mesh.schema.scoped import ScopedKind

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")
_FIX = "toolkit render-job --help says what each option takes."


@dataclass(frozen=True)
class JobOptions:
    """The operator's options.

    Attributes:
        image: a pinned image with the toolkit.
        namespace: the pods' namespace; None for the namespace of each zone's control plane.
        service_account: the pods' service account; None for that of each zone's control plane.
        schedule: a cron expression; None for a Job that runs once.
        time_zone: the time zone of the schedule.
        retries: the number of retries after an environment error.
        timeout: the maximum duration of a zone's verification, in seconds.
        lifetime: the lifetime of the certificates; None for the contract's.
        horizon: the minimum remaining lifetime of every CA; None for the default of ``toolkit verify``.
        mesh_name: a mesh of the contract, if no Mesh is given; None for the first.
        probe_denials: whether to test that forbidden calls are denied.
    """

    image: str
    namespace: str | None = None
    service_account: str | None = None
    schedule: str | None = None
    time_zone: str | None = None
    retries: int = 0
    timeout: int = 60
    lifetime: str | None = None
    horizon: str | None = None
    mesh_name: str | None = None
    probe_denials: bool = False


def read_applied(
    texts: Sequence[tuple[str, str]], mesh: str | None = None, backend: str | None = None, identity: str | None = None
) -> Applied | AppliedIdentity:
    """Read what is verified; see :func:`toolkit.mesh.documents.applied.choose_applied`.

    Raises:
        InvalidInputError: as for that function; or a Secret contains anything but a chain, because the chain is copied
            to a ConfigMap, which must not contain credentials.
    """
    mesh_documents = documents.read(texts)
    problems = [
        Problem(secret.show_place(secret.data_path), f"Secret {secret.name} is not a chain of certificates: {problem}")
        for secret in mesh_documents.secrets
        if secret.type == KUBERNETES_TYPE and (problem := find_chain_problem(secret))
    ]
    if problems:
        raise InvalidInputError(
            "only a CA chain can go into a ConfigMap, which many users can read",
            problems,
            "Give the Mesh, and only the Secret of its caCert; render-mesh --secret-file separates them.",
        )
    return choose_applied(mesh_documents, mesh, backend, identity)


def build(
    outputs: StackOutputs, zones: Sequence[Zone], options: JobOptions, mesh: Applied | AppliedIdentity | None = None
) -> list[workloads.VerifyJob]:
    """Return a job for each of the zones.

    Args:
        outputs: the contract.
        zones: zones of the contract.
        options: the operator's options.
        mesh: the applied Mesh or MeshIdentity; None to verify against the contract's chain.

    Raises:
        InvalidInputError: an option is invalid; lists every problem with its option.
    """
    problems: list[Problem] = []
    pinned = _attempt(problems, "--image", option_values.read_image, options.image)
    schedule, time_zone = options.schedule, options.time_zone
    if schedule is not None:
        schedule = _attempt(problems, "--schedule", option_values.read_schedule, schedule)
        if time_zone is not None:
            time_zone = _attempt(problems, "--time-zone", option_values.read_time_zone, time_zone)
    elif time_zone is not None:
        problems.append(Problem("--time-zone", "has no effect without --schedule"))
    problems += _plan_problems(outputs, zones, options, mesh)
    text = None if mesh is None else _mesh_text(problems, mesh)
    places = [_place(problems, outputs, zone, options) for zone in zones]
    if problems or pinned is None:
        raise InvalidInputError("the Job can't be rendered", dict.fromkeys(problems), _FIX)
    return [
        workloads.VerifyJob(
            zone=zone.name,
            region=zone.region,
            namespace=namespace,
            service_account=service_account,
            image=pinned,
            timeout=options.timeout,
            arguments=_arguments(options, mesh),
            # A contract with one zone is enough, and the cluster need not know the other zones.
            contract=outputs.model_copy(update={"zones": (zone,)}).to_json(),
            mesh=text,
            retries=options.retries,
            schedule=schedule,
            time_zone=time_zone,
        )
        for zone, (namespace, service_account) in zip(zones, places, strict=True)
    ]


def _plan_problems(
    outputs: StackOutputs, zones: Sequence[Zone], options: JobOptions, mesh: Applied | AppliedIdentity | None
) -> tuple[Problem, ...]:
    """Return the problems that ``toolkit verify`` would report, so that they are reported before a pod runs."""
    chosen = PlanOptions(options.mesh_name, lifetime=options.lifetime, horizon=options.horizon)
    try:
        make_plan(outputs, zones, chosen, mesh)
    except InvalidInputError as error:
        return error.problems
    return ()


def _attempt(problems: list[Problem], place: str, read: Callable[[_Given], _Made], given: _Given) -> _Made | None:
    """Return what a function reads; None, after its problem was added, if it can't."""
    try:
        return read(given)
    except ValidationError as error:
        problems += [
            Problem(f"{place}{path and '.' + path}", message) for path, message in list_validation_problems(error)
        ]
    except ValueError as error:
        problems.append(Problem(place, str(error)))
    return None


def _place(problems: list[Problem], outputs: StackOutputs, zone: Zone, options: JobOptions) -> tuple[str, str]:
    """Return the namespace and the service account of a zone's pod."""
    namespace, account = options.namespace, options.service_account
    if namespace is not None:
        _attempt(problems, "--pod-namespace", check_dns_label, namespace)
    # The contract accepts service account names that Kubernetes rejects.
    path = f"zones[{outputs.zones.index(zone)}].serviceAccount" if account is None else "--pod-service-account"
    name = zone.service_account if account is None else account
    _attempt(problems, path, check_object_name, name)
    return namespace or zone.namespace, name


def _arguments(options: JobOptions, mesh: Applied | AppliedIdentity | None) -> list[str]:
    """Return the arguments of ``toolkit verify`` that are the same for all zones."""
    named = {"--lifetime": options.lifetime, "--horizon": options.horizon}
    if mesh is None:
        named["--mesh"] = options.mesh_name
    arguments = [part for name, value in named.items() if value is not None for part in (name, value)]
    return [*arguments, *(["--probe-denials"] if options.probe_denials else [])]


def _mesh_text(problems: list[Problem], said: Applied | AppliedIdentity) -> str | None:
    """Return only the parts of the documents that the verification reads, because they may contain credentials."""
    if isinstance(said, AppliedIdentity):
        return _attempt(problems, said.place, _write_identity, said)
    values: Object = {"arn": said.authority_arn}
    if said.common_name is not None:
        values["commonName"] = said.common_name
    values["caCert"] = {"inlineString": _rewrite(said.bundle)}
    conf = _attempt(problems, said.place, AcmPcaConf.model_validate, values)
    if conf is None or problems:
        return None
    backend = {"name": "acmpca", "type": "acmpca", "conf": conf.to_document()}
    return _write({"type": "Mesh", "name": said.mesh, "mtls": {"enabledBackend": "acmpca", "backends": [backend]}})


def _write_identity(identity: AppliedIdentity) -> str:
    """Return a MeshIdentity and the MeshTrusts of its mesh, as the text that ``toolkit verify -f`` reads."""
    config: Object = {
        "arn": identity.authority_arn,
        "certificateParameters": {"expiry": f"{identity.lifetime // timedelta(microseconds=1)}us"},
    }
    if not identity.creates_trust:
        config["meshTrustCreation"] = "Disabled"
    templates = {"trustDomain": identity.trust_domain, "path": identity.path}
    spec: Object = {"provider": {"type": "Extension", "extension": {"name": ACMPCA, "config": config}}}
    if spiffe_id := {name: template for name, template in templates.items() if template is not None}:
        spec["spiffeID"] = spiffe_id
    documents = [_make(identity, "MeshIdentity", identity.name, identity.labels, spec)]
    for number, (domain, text) in enumerate(identity.bundles.items()):
        trust = {"trustDomain": domain, "caBundles": [{"type": "Pem", "pem": {"value": _rewrite(text)}}]}
        documents.append(_make(identity, "MeshTrust", f"trust-{number}", {MESH_LABEL: identity.mesh}, trust))
    return "---\n".join(map(_write, documents))


def _make(identity: AppliedIdentity, kind: ScopedKind, name: str, labels: Mapping[str, str], spec: Object) -> Object:
    """Return a document in the form of the MeshIdentity, on which the meaning of templates depends."""
    shown = {"labels": dict(labels)} if labels else {}
    if identity.form == "universal":
        return {"type": kind, "name": name, "mesh": identity.mesh, **shown, "spec": spec}
    return {"apiVersion": "kuma.io/v1alpha1", "kind": kind, "metadata": {"name": name, **shown}, "spec": spec}


def _rewrite(certificates: str) -> str:
    """Return the certificates of a PEM text without other text in it."""
    return pem.write(pem.load_certificates(certificates))


def _write(document: Object) -> str:
    return scalars.write_block(document, indent=0)
