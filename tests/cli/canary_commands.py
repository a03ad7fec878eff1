"""Command lines that fail, with secrets of every kind in what they read or are sent."""

from __future__ import annotations

import base64
from typing import NamedTuple

from tests.cli import echo_server as servers

SECRET_KEY = "CANARYsecret/KEY+bPxRfiCYzEXAMPLEKEY4711"
SESSION = "IQoJCANARYsession//token+with==a/certain+length/4711=="
USER_TOKEN = "eyJhbGciOiJSUzI1NiJ9.CANARYuserTokenOfAnAdministrator.c2lnbmF0dXJlNDcxMQ"
WEB_TOKEN = "eyJhbGciOiJSUzI1NiJ9.CANARYwebIdentityTokenOfAPod.b3RoZXJTaWduYXR1cmU0NzEx"
POD_TOKEN = "eyJhbGciOiJSUzI1NiJ9.CANARYpodIdentityToken.eWV0QW5vdGhlclNpZ25hdHVyZQ"
PASSWORD = "CANARYpassword4711"
SHORT_PASSWORD = "CANRY"
# What nobody registered: it is in a file that the command reads.
IN_A_FILE = "CANARYinAFile/ofTheUser+bPxRfiCYzEXAMPL"
CANARIES = (
    SECRET_KEY,
    SESSION,
    USER_TOKEN,
    WEB_TOKEN,
    POD_TOKEN,
    PASSWORD,
    IN_A_FILE,
    servers.TAKEN_KEY,
    servers.TAKEN_TOKEN,
)
# Everything of which a part alone gives the rest away: each canary has one of these in its middle.
TELLING = ("CANARY", SHORT_PASSWORD, base64.b64encode(f"joe:{PASSWORD}".encode()).decode()[6:])

AWS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_SESSION_TOKEN": SESSION}
WITH_TOKEN = {"TOOLKIT_CONTROL_PLANE_TOKEN": USER_TOKEN}
VERIFY = ("verify", "--contract", "{outputs}", "--zone", "zone-1", "--timeout", "1")
REPORTS = tuple(
    word
    for form in ("json", "html", "junit", "prometheus", "compact", "wide")
    for word in ("-o", f"{form}={{left}}/report.{form}")
)


class Case(NamedTuple):
    """One command line that fails.

    Attributes:
        arguments: with ``{outputs}``, ``{mesh}``, ``{files}``, ``{left}``, ``{url}`` and ``{port}`` to be filled in.
        environment: filled in the same way.
        server: what answers at ``{url}``; None for a port at which nobody listens.
        exit_codes: that it may end with.
    """

    arguments: tuple[str, ...]
    environment: dict[str, str]
    server: servers.Answer | None = None
    exit_codes: tuple[int, ...] = (1, 2, 3)


CASES: dict[str, Case] = {}

# AWS, or a proxy before it, repeats what it was sent.
AWS_SERVERS: dict[str, servers.Answer] = {
    "refuses": servers.refuses,
    "has a strange code": servers.has_a_strange_code,
    "shows the canonical string": servers.shows_the_canonical_string,
    "has a terminal in mind": servers.has_a_terminal_in_mind,
    "is a proxy": servers.is_a_proxy,
    "breaks off": servers.breaks_off,
    "redirects": servers.redirects,
    "speaks JSON": servers.speaks_json,
    "is somebody else": servers.is_somebody_else,
    "gives credentials and repeats them": servers.gives_credentials_and_repeats_them,
    "issues what it was sent": servers.issues_what_it_was_sent,
}
_ARN = "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555"
_ZONE = "zone-1=eu-central-1,arn:aws:iam::123456789012:role/zone-1"
_CREATE = ("contract", "create", "--arn", _ARN, "--add-zone", _ZONE)
for _name, _server in AWS_SERVERS.items():
    CASES[f"contract create: AWS {_name}"] = Case((*_CREATE, "--endpoint-url", "{url}"), AWS, _server, (2, 3))
_LEDGER = ("--ledger", "{left}/ledger")
for _name, _server in AWS_SERVERS.items():
    for _how in ("assume-role", "ambient"):
        CASES[f"verify {_how}: AWS {_name}"] = Case(
            (*VERIFY, "--identity", _how, "--endpoint-url", "{url}", *REPORTS, *_LEDGER), AWS, _server
        )
    CASES[f"verify web-identity: AWS {_name}"] = Case(
        (
            *VERIFY,
            "--identity",
            "web-identity",
            "--token-file",
            "{files}/web.token",
            "--endpoint-url",
            "{url}",
            *REPORTS,
        ),
        {},
        _server,
    )
CASES["verify ambient: botocore exchanges the token of the pod"] = Case(
    (*VERIFY, "--identity", "ambient", *REPORTS),
    {
        "AWS_WEB_IDENTITY_TOKEN_FILE": "{files}/web.token",
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/zone-1",
        "AWS_ENDPOINT_URL": "{url}",
    },
    servers.refuses,
)
CASES["verify ambient: the agent of EKS Pod Identity repeats the token"] = Case(
    (*VERIFY, "--identity", "ambient", *REPORTS),
    {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "{url}/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "{files}/pod.token",
    },
    servers.refuses,
)
CASES["verify ambient: the agent of ECS repeats the token"] = Case(
    (*VERIFY, "--identity", "ambient", *REPORTS),
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "{url}/v1/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN": POD_TOKEN},
    servers.is_a_proxy,
)
# Credentials that no header can carry.
for _variable in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
    for _end, _words in (("\r", "a carriage return"), ("\n", "a line feed"), ("\x1b", "U+001B"), (" ", "a space")):
        CASES[f"verify: {_variable} ends with {_words}"] = Case(
            (*VERIFY, "--endpoint-url", "{url}", *REPORTS),
            {**AWS, _variable: f"{AWS[_variable]}{_end}"},
            servers.refuses,
            (3,),
        )
CASES["verify: a token file with a line feed in it"] = Case(
    (*VERIFY, "--identity", "web-identity", "--web-identity-token-file", "{files}/two.token"), {}, None, (2,)
)
CASES["verify: a token file that is no text"] = Case(
    (*VERIFY, "--identity", "web-identity", "--web-identity-token-file", "{files}/bytes.token"), {}, None, (2,)
)
# Passwords in URLs.
_URLS = {
    "nobody listens": "http://joe:{password}@127.0.0.1:{port}",
    "no such port": "http://joe:{password}@127.0.0.1:99999",
    "not quoted": "http://joe:{password}/and#more@127.0.0.1:{port}",
    "no scheme": "joe:{password}@127.0.0.1:{port}",
    "no host": "http://joe:{password}@",
}
for _password in (PASSWORD, SHORT_PASSWORD):
    for _name, _url in _URLS.items() if _password is PASSWORD else list(_URLS.items())[::2]:
        _given = _url.replace("{password}", _password)
        if "://" in _given:
            CASES[f"verify --endpoint-url: {_name}, {len(_password)}"] = Case(
                (*VERIFY, "--endpoint-url", _given, *REPORTS), AWS
            )
            CASES[f"apply --control-plane: {_name}, {len(_password)}"] = Case(
                ("apply", "-f", "{mesh}", "--yes", "--control-plane", _given), WITH_TOKEN
            )
        CASES[f"verify through a proxy: {_name}, {len(_password)}"] = Case(
            (*VERIFY, *REPORTS), {**AWS, "HTTPS_PROXY": _given}
        )
        CASES[f"apply through a proxy: {_name}, {len(_password)}"] = Case(
            ("apply", "-f", "{mesh}", "--yes", "--control-plane", "https://mesh.invalid:5682"),
            {**WITH_TOKEN, "HTTPS_PROXY": _given},
        )
CASES["verify through a proxy that repeats what it was sent"] = Case(
    (*VERIFY, *REPORTS), {**AWS, "HTTPS_PROXY": f"http://joe:{PASSWORD}@127.0.0.1:{{port}}"}, servers.refuses
)
CASES["apply through a proxy that repeats what it was sent"] = Case(
    ("apply", "-f", "{mesh}", "--yes", "--control-plane", "https://mesh.invalid:5682"),
    {**WITH_TOKEN, "HTTPS_PROXY": f"http://joe:{PASSWORD}@127.0.0.1:{{port}}"},
    servers.refuses,
)
# A control plane repeats the token.
_ON_CONTROL_PLANE = {
    "apply": ("apply", "-f", "{mesh}", "--yes"),
    "apply --dry-run": ("apply", "-f", "{mesh}", "--dry-run"),
    "render-mesh": (
        "render-mesh",
        "--contract",
        "{outputs}",
        "--base",
        "control-plane",
        "--output-file",
        "{left}/mesh.yaml",
    ),
    "rotate": ("rotate", "--contract", "{outputs}", "--base", "control-plane", "--mesh", "default"),
    "rotate --to mesh-identity": (
        *("rotate", "--to", "mesh-identity", "--contract", "{outputs}", "--base", "control-plane"),
        *("--mesh", "default"),
    ),
    "apply --wait": ("apply", "-f", "{files}/extension.yaml", "--yes", "--wait", "--wait-timeout", "1ms"),
}
CONTROL_PLANES: dict[str, servers.Answer] = {
    **{str(status): servers.kuma_refuses(status) for status in (400, 401, 403, 404, 405, 409, 500)},
    "HTML": servers.is_a_proxy,
    "a redirect": servers.redirects,
    "a strange index": servers.kuma_is_strange,
    "a strange mesh": servers.kuma_has_a_strange_mesh,
    "strange resources": servers.kuma_has_strange_resources,
}
for _command, _arguments in _ON_CONTROL_PLANE.items():
    for _name, _server in CONTROL_PLANES.items():
        CASES[f"{_command}: the control plane answers {_name}"] = Case(
            (*_arguments, "--control-plane", "{url}"),
            WITH_TOKEN,
            _server,
            (0, 1, 2, 3) if _name in ("a strange mesh", "strange resources") else (2, 3),
        )
CASES["apply --wait: the zone control plane repeats what it was sent"] = Case(
    (*_ON_CONTROL_PLANE["apply --wait"], "--control-plane", "{url}", "--zone-control-plane", "z1={url}"),
    WITH_TOKEN,
    servers.kuma_has_strange_resources,
)
for _name in ("two.token", "bytes.token", "quoted.token", "controls.token"):
    CASES[f"apply: the token file {_name}"] = Case(
        ("apply", "-f", "{mesh}", "--yes", "--control-plane", "{url}", "--token-file", f"{{files}}/{_name}"),
        {},
        None,
        (2,),
    )
for _name, _token in {"blank": f"{USER_TOKEN} x", "control": f"{USER_TOKEN}\x1bx", "lines": f"a\n{USER_TOKEN}"}.items():
    CASES[f"apply: the token of the environment has a {_name}"] = Case(
        ("apply", "-f", "{mesh}", "--yes", "--control-plane", "{url}"),
        {"TOOLKIT_CONTROL_PLANE_TOKEN": _token},
        None,
        (2, 3),
    )
# Files in which somebody left a secret.
for _name in ("broken.json", "types.json", "secret.json", "deep.json", "not.json"):
    CASES[f"contract show of {_name}"] = Case(("contract", "show", "--contract", f"{{files}}/{_name}"), {}, None, (2,))
    for _option in ("--from-terraform", "--from-cloudformation", "--chain"):
        CASES[f"contract create {_option} {_name}"] = Case((*_CREATE, _option, f"{{files}}/{_name}"), {}, None, (2,))
    CASES[f"render-identity of {_name}"] = Case(("render-identity", "--contract", f"{{files}}/{_name}"), {}, None, (2,))
    CASES[f"render-mesh of {_name}"] = Case(("render-mesh", "--contract", f"{{files}}/{_name}"), {}, None, (2,))
    CASES[f"verify --merge {_name}"] = Case(
        ("verify", "--contract", "{outputs}", "--merge", f"{{files}}/{_name}"), {}, None, (1, 2)
    )
_IDENTITIES = ("bundled.yaml", "key.yaml", "extension.yaml", "trust.yaml")
_MOVE = ("rotate", "--to", "mesh-identity", "--contract", "{outputs}", "--base")
for _name in ("broken.yaml", "twice.yaml", "types.yaml", "inline.yaml", "tag.yaml", "controls.yaml", *_IDENTITIES):
    # Stages 1 and 5 contain the Mesh, and its credential with it.
    _more: tuple[str, ...]
    for _more in ((), ("-o", "json"), ("--output-file", "{left}/2.yaml", "--step", "2"), ("--step", "3", "--force")):
        CASES[f"rotate --to mesh-identity --base {_name} {' '.join(_more)}"] = Case(
            (*_MOVE, f"{{files}}/{_name}", *_more), {}, None, (0, 1, 2)
        )
    for _more in ((), ("--output-dir", "{left}/move"), ("--step", "1"), ("--step", "5", "--diff", "--force")):
        CASES[f"rotate --to mesh-identity -f {_name} {' '.join(_more)}"] = Case(
            (*_MOVE, "{files}/provided.yaml", "-f", f"{{files}}/{_name}", *_more), {}, None, (0, 1, 2)
        )
    CASES[f"rotate --to mesh-identity --old-chain {_name}"] = Case(
        (*_MOVE, "{files}/provided.yaml", "--old-chain", f"{{files}}/{_name}"), {}, None, (2,)
    )
    CASES[f"lint {_name}"] = Case(("lint", f"{{files}}/{_name}"), {}, None, (0, 1, 2))
    CASES[f"lint {_name} as SARIF"] = Case(
        ("lint", f"{{files}}/{_name}", "-o", "sarif={left}/lint.sarif"), {}, None, (0, 1, 2)
    )
    CASES[f"apply {_name}"] = Case(
        ("apply", "-f", f"{{files}}/{_name}", "--yes", "--control-plane", "{url}"),
        WITH_TOKEN,
        servers.kuma_refuses(400),
    )
    CASES[f"verify -f {_name}"] = Case((*VERIFY, "-f", f"{{files}}/{_name}", "--endpoint-url", "{url}"), AWS)
for _name in ("broken.ini", "temporary.ini", "keyless.ini", "controls.ini"):
    CASES[f"render-mesh --credentials {_name}"] = Case(
        ("render-mesh", "--contract", "{outputs}", "--credentials", f"{{files}}/{_name}"), {}, None, (2,)
    )
    CASES[f"verify: AWS_SHARED_CREDENTIALS_FILE is {_name}"] = Case(
        (*VERIFY, "--endpoint-url", "{url}"), {"AWS_SHARED_CREDENTIALS_FILE": f"{{files}}/{_name}"}, servers.refuses
    )
    CASES[f"verify: AWS_CONFIG_FILE is {_name}"] = Case(
        (*VERIFY, "--endpoint-url", "{url}", "--profile", "other"),
        {"AWS_CONFIG_FILE": f"{{files}}/{_name}"},
        servers.refuses,
    )
CASES["render-mesh --credentials env with a temporary key"] = Case(
    ("render-mesh", "--contract", "{outputs}", "--credentials", "env"),
    {**AWS, "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE"},
    None,
    (2,),
)
