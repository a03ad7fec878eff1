"""Run the program with Pulumi's mocks, and keep everything that it registers."""

from __future__ import annotations

import asyncio
import json
import runpy
import textwrap
import threading
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pulumi
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime import rpc
from pulumi.runtime.settings import SETTINGS, get_root_resource
from pulumi.runtime.stack import run_pulumi_func

from tests.support import NOW, Authority, request_pem
from toolkit.files import find_project_root
from toolkit.infra import claims
from toolkit.pki import pem
from toolkit.sandbox.pulumi.program import StackConfig

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "123456789012"
MAIN = find_project_root() / "__main__.py"


@dataclass
class Registered:
    """One resource as the program registered it."""

    type: str
    name: str
    inputs: dict[str, Any]
    request: Any
    dependencies: set[str] = field(default_factory=set)


@dataclass
class Graph:
    """Everything the program registered, and what it exported."""

    resources: list[Registered] = field(default_factory=list)
    exports: dict[str, Any] = field(default_factory=dict)

    def of_type(self, suffix: str) -> dict[str, Registered]:
        return {item.name: item for item in self.resources if item.type.endswith(f":{suffix}")}


_MAKING = threading.Lock()


@cache
def _issuing_authority(key_algorithm: str) -> Authority:
    """The same for every run, as the CAs of a stack that is updated are."""
    root, issuing = (_key(key_algorithm) for _ in range(2))
    return Authority("Issuing CA", Authority("Root CA", key=root), not_after=NOW + timedelta(days=1825), key=issuing)


def _key(algorithm: str) -> Any:
    curves = {"EC_prime256v1": ec.SECP256R1(), "EC_secp384r1": ec.SECP384R1(), "EC_secp521r1": ec.SECP521R1()}
    if curve := curves.get(algorithm):
        return ec.generate_private_key(curve)
    return rsa.generate_private_key(public_exponent=65537, key_size=int(algorithm.removeprefix("RSA_")))


class FakeAws(pulumi_mocks.Mocks):
    """Answers with real certificates, so that the program's own reading of them is exercised.

    `functions` are what the program may invoke beside the usual ones, by the last part of their token; one may raise.
    `created` are issuers that have no provider yet; `exported` is what the stack exported before.
    """

    def __init__(
        self,
        account: str,
        functions: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]],
        created: Container[str] = (),
        exported: Mapping[str, Any] | None = None,
    ) -> None:
        self._account = account
        self._created = created
        self._exported = dict(exported or {})
        self._issuing = _issuing_authority("EC_prime256v1")
        self._accounts: dict[str, str] = {}
        self._functions = {
            "getCallerIdentity": lambda _: {
                "accountId": account,
                "arn": f"arn:aws:iam::{account}:user/ci",
                "userId": "x",
                "id": "x",
            },
            "getRegion": lambda _: {"region": "eu-central-1", "id": "eu-central-1"},
            "getOpenIdConnectProvider": self._oidc_provider,
            "getRoles": lambda _: {"names": [], "arns": []},
            "getInstanceProfile": _missing,
            **dict.fromkeys(("getBucket", "getCluster", "getOrganization", "getPolicy", "getTopic"), dict),
            **functions,
        }

    def call(self, args: pulumi_mocks.MockCallArgs) -> Any:
        try:
            return self._functions[args.token.rpartition(":")[2]](args.args)
        except LookupError as error:
            # As the real engine hands over what a function was refused.
            return {}, [("arn", str(error))]

    def _oidc_provider(self, args: dict[str, Any]) -> dict[str, Any]:
        """One for each cluster, but those that the stack creates."""
        if args["arn"].partition("oidc-provider/")[2] in self._created:
            _missing(args)
        return {"arn": args["arn"], "clientIdLists": ["sts.amazonaws.com"]}

    def new_resource(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        outputs: dict[str, Any] = dict(args.inputs)
        account = self._accounts.get(args.provider.split("::")[-2], self._account) if args.provider else self._account
        kind = args.typ.rpartition(":")[2]
        if args.typ == "pulumi:providers:aws":
            self._accounts[args.name] = json.loads(args.inputs["allowedAccountIds"])[0]
        elif kind == "StackReference":
            outputs |= {"outputs": self._exported, "secretOutputNames": []}
        elif kind == "CertificateAuthority":
            number = "1" if args.name == "root-ca" else "2"
            uuid = "-".join(number * length for length in (8, 4, 4, 4, 12))
            outputs["arn"] = f"arn:aws:acm-pca:eu-central-1:{account}:certificate-authority/{uuid}"
            # What the real provider reads while the CA is still pending.
            outputs |= {"certificate": "", "certificateChain": "", "notAfter": ""}
            outputs["certificateSigningRequest"] = stack_csr()
            # Both CAs of a stack may come at once, and must be of one hierarchy.
            with _MAKING:
                self._issuing = _issuing_authority(args.inputs["certificateAuthorityConfiguration"]["keyAlgorithm"])
        elif kind == "Certificate":
            certificates = self._issuing.chain()
            own, *above = certificates[1:] if args.name.startswith("root") else certificates
            outputs |= {"certificate": pem.write([own]).strip(), "certificateChain": pem.write(above).strip()}
        elif kind == "Role":
            name = args.inputs.get("name") or f"{args.name}-0a1b2c3"
            outputs |= {"arn": f"arn:aws:iam::{account}:role/{name}", "name": name}
        elif kind == "OpenIdConnectProvider":
            outputs["arn"] = f"arn:aws:iam::{account}:oidc-provider/{args.inputs['url'].removeprefix('https://')}"
        elif kind in ("Bucket", "Topic", "ResourceShare"):
            service, resource = {"Bucket": ("s3", ""), "Topic": ("sns", ""), "ResourceShare": ("ram", "share/")}[kind]
            outputs |= {"arn": f"arn:aws:{service}:::{resource}{args.name}", "bucket": f"{args.name}-0a1b2c3"}
        return f"{args.name}-id", outputs


def _missing(args: dict[str, Any]) -> dict[str, Any]:
    raise LookupError(f"reading {args}: couldn't find resource")


@cache
def stack_csr() -> str:
    """The request of the stack's issuing CA; signed once, since ECDSA never signs twice in the same way."""
    authority = _issuing_authority("EC_prime256v1")
    return request_pem(authority.common_name, authority.key)


def secret(value: Any) -> Any:
    """What is in a value that Pulumi keeps encrypted in the state; another one is none."""
    assert value[rpc._special_sig_key] == rpc._special_secret_sig
    return value["value"]


class RecordingMonitor(pulumi_mocks.MockMonitor):
    """Keeps the requests, which carry the resource options that mocks never see."""

    def __init__(self, mocks: pulumi_mocks.Mocks, graph: Graph) -> None:
        super().__init__(mocks)
        self._graph = graph
        self._lock = threading.Lock()

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - Pulumi's own name
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call] # pulumi leaves it so
        if request.type != "pulumi:pulumi:Stack":
            inputs = pulumi.runtime.rpc.deserialize_properties(request.object)
            depends = {urn.rpartition("::")[2] for urn in request.dependencies}
            with self._lock:
                self._graph.resources.append(Registered(request.type, request.name, inputs, request, depends))
        return response


RunProgram = Callable[..., Graph]


@pytest.fixture(autouse=True)
def no_associations(monkeypatch: pytest.MonkeyPatch) -> None:
    """EKS is asked without Pulumi, so the engine of these tests can't answer. In tests/e2e the sandbox answers."""
    monkeypatch.setattr(claims, "look_up_association", lambda _: None)


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list in which the program's warnings appear; Pulumi's mocks keep none."""
    found: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", found.append)
    return found


@pytest.fixture
def run_program() -> RunProgram:
    """Run the real ``__main__.py`` with a stack's configuration; `account` is the one that AWS reports."""
    return _run


@pytest.fixture
def in_program(tmp_path: Path) -> Callable[[str], Graph]:
    """Run a program of the test's own."""

    def run(text: str) -> Graph:
        main = tmp_path / "__main__.py"
        main.write_text(textwrap.dedent(text), encoding="utf-8")
        return _run(StackConfig("p", "test", {"aws:region": "eu-central-1"}), main=main)

    return run


def _run(
    config: StackConfig,
    account: str = ACCOUNT,
    *,
    preview: bool = False,
    functions: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] | None = None,
    graph: Graph | None = None,
    exported: Mapping[str, Any] | None = None,
    main: Path = MAIN,
) -> Graph:
    graph = Graph() if graph is None else graph

    async def work() -> None:
        SETTINGS.rpc_manager.clear()
        SETTINGS.outputs.clear()
        mocks = FakeAws(account, functions or {}, _created(config), exported)
        monitor = RecordingMonitor(mocks, graph)
        pulumi_mocks.set_mocks(mocks, project=config.project, stack=config.stack, preview=preview, monitor=monitor)
        pulumi.runtime.set_all_config(dict(config.values))
        await run_pulumi_func(lambda: _execute(main))
        outputs = getattr(get_root_resource(), "outputs", {})
        graph.exports = dict(await pulumi.Output.from_input(outputs).future() or {})

    failure: list[BaseException] = []

    def in_thread() -> None:
        try:
            asyncio.run(work())
        except BaseException as error:  # noqa: BLE001 - raised again in the test's thread
            failure.append(error)

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return graph


def _created(config: StackConfig) -> set[str]:
    """The issuers whose providers the stack creates."""
    try:
        zones = json.loads(config.values.get(f"{config.project}:zones", "[]"))
        return {zone["oidcIssuer"].removeprefix("https://") for zone in zones if zone.get("createOidcProvider")}
    except (ValueError, TypeError, KeyError, AttributeError):
        return set()


def _execute(main: Path) -> None:
    runpy.run_path(str(main), run_name="__main__")
