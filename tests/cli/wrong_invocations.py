"""The table of wrong invocations: the exit code and the first line of each, and the files that they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

# At the end of an expected error: the rest is a system's or a library's, or is long.
MORE = "…"
AWS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
_NO_HOME = {"HOME": None}
_KEY_LOG = {"SSLKEYLOGFILE": "/missing/x"}
_GOPHER = {"HTTPS_PROXY": "gopher://x:1"}


@dataclass(frozen=True)
class Wrong:
    """One wrong invocation.

    Attributes:
        arguments: of `toolkit`, as a shell reads them; `{port}`, `{home}` and `{root}` are filled in.
        error: what follows `Error: `; with a line feed also the line after it. Empty where nothing can be said.
        code: the exit code.
        environment: variables beside the minimal ones; None removes one.
        redirect: of a shell, such as `>&-`.
        stdin: what is piped in.
    """

    arguments: str
    error: str
    code: int = 2
    environment: Mapping[str, str | None] = field(default_factory=dict)
    redirect: str = ""
    stdin: bytes = b""

    def __str__(self) -> str:
        """Return what the test is called."""
        names = " ".join(f"{name}={value}" for name, value in self.environment.items() if name not in AWS)
        return " ".join(filter(None, [names, self.arguments, self.redirect]))


_UNREADABLE = {
    "missing": "No such file or directory",
    "directory": "it is a directory; name each file in it",
    "file/below": "Not a directory",
    "loop": "Too many levels of symbolic links",
    "huge": "it is larger than 16 MiB",
    "/dev/zero": "it is larger than 16 MiB",
    # Not even root reads it: nothing is mapped at its beginning.
    "/proc/self/mem": "Input/output error",
}
_GARBLED = {
    "binary": "binary:2: the text is not UTF-8; save it as UTF-8",
    "utf16": "utf16:1: the text is UTF-16, as PowerShell's > writes it; save it as UTF-8",
}
_TAB = "tab.yaml is not YAML\n  tab.yaml:3:1: found character '\\t' that cannot start any token"
_TWICE = "twice.yaml is not YAML\n  twice.yaml:5:1: found duplicate key"


def _read(arguments: str, *files: str, what: str = "") -> Iterator[Wrong]:
    """Name files that can't be read."""
    for file in files or _UNREADABLE:
        yield Wrong(f"{arguments} {file}", f"can't read {what}{file}: {_UNREADABLE[file]}")


def _decode(arguments: str, file: str, kind: str) -> Wrong:
    """Name a file that is not text."""
    return Wrong(f"{arguments} {file}", f"{file} is not {kind}\n  {_GARBLED[file]}")


_NO_ENDPOINT = "the URL of the AWS endpoint is not valid\n  --endpoint-url: …"
_OUTPUT = "Invalid value for '-o' / '--output':"
_CLOSED = "can't write to standard output: it is closed"
_FULL = "can't write to standard output: No space left on device"

COMMAND_LINE = (
    Wrong("verfy", "No such command 'verfy'. Did you mean verify?"),
    Wrong("contract shwo", "No such command 'shwo'. Did you mean show?"),
    Wrong("--verison", "No such option '--verison'. (Did you mean one of: '--verbose', '--version'?)"),
    Wrong("sandbox --prot 1", "No such option '--prot'. Did you mean '--port'?", environment={"TERM": "dumb"}),
    Wrong("version -o version.json", f"{_OUTPUT} 'version.json' is a file, and a format belongs here; …"),
    Wrong("version -o yaml", f"{_OUTPUT} 'yaml' is not a format; …", environment={"COLUMNS": "40"}),
    Wrong("completion", "Missing argument '{bash|zsh|fish}'.…"),
    Wrong("completion tcsh", "Invalid value for '{bash|zsh|fish}': 'tcsh' is not one of 'bash', 'zsh', 'fish'."),
    Wrong("completion bash", "a shell completes a command: call toolkit, not python -m toolkit"),
    Wrong("version", "TOOLKIT_LOG=loud is not a level; …", environment={"TOOLKIT_LOG": "loud"}),
    Wrong("demo now", "Got unexpected extra argument (now)", environment={"NO_COLOR": "1"}),
    Wrong("rotate --base mesh.yaml mesh.yaml", "Got unexpected extra argument (mesh.yaml); a file needs -f"),
    Wrong("apply -f mesh.yaml mesh.yaml", "Got unexpected extra argument (mesh.yaml); a file needs -f"),
    Wrong("render-zone mesh.yaml", "Got unexpected extra argument (mesh.yaml); a file needs --base"),
    Wrong("demo --stack nope", "can't read {root}/stacks/Pulumi.nope.yaml: No such file or directory"),
    Wrong("demo --output-dir file", "Invalid value for '--output-dir': Directory 'file' is a file."),
)

_SHOW = "contract show --contract"
_PULUMI = "can't run the Pulumi CLI:"
CONTRACT = (
    *_read(_SHOW),
    _decode(_SHOW, "binary", "JSON"),
    _decode(_SHOW, "utf16", "JSON"),
    Wrong(f"{_SHOW} empty", "empty is not JSON"),
    Wrong(f"{_SHOW} list.json", "list.json is not a valid contract: 1 problem\n  must be an object with keys, …"),
    Wrong(f"{_SHOW} deep.json", "deep.json is not JSON\n  it is nested too deeply"),
    Wrong(f"{_SHOW} shape.json", "shape.json is not a valid contract: 4 problems"),
    Wrong(f"{_SHOW} ''", "Invalid value for '--contract': …"),
    Wrong(f"{_SHOW} -", "standard input is not JSON\n  standard input:1: the text is UTF-16, …", stdin=b"\xff\xfe{\0"),
    Wrong(f"{_SHOW} -", "can't read standard input: it is closed", redirect="<&-"),
    Wrong("contract show", "can't read gone: No such file or directory", environment={"TOOLKIT_CONTRACT": "gone"}),
    Wrong(f"{_SHOW} c.json -s prod", "--contract and --stack exclude each other: …"),
    Wrong("contract show", f"{_PULUMI} No such file or directory", 3, {"PATH": ""}),
    Wrong("contract show -C gone", "Invalid value for '-C' / '--cwd': Directory 'gone' does not exist."),
    Wrong("render-mesh --cwd file", "Invalid value for '-C' / '--cwd': Directory 'file' is a file."),
    Wrong("contract csr", f"{_PULUMI} Permission denied", 3, {"PATH": "unusable"}),
    Wrong("verify -s nope", "pulumi stack output failed: error: no stack named 'nope' found", 3, {"PATH": "failing"}),
    Wrong("contract csr --contract c.json", "the CA has its certificate, so the contract contains no signing request"),
    Wrong("render-mesh --contract pending.json", "pending.json: the stack's CA has no certificate yet"),
    Wrong(f"{_SHOW} c.json -o json=", f"{_OUTPUT} 'json=' names no file after the equals sign"),
    Wrong(f"{_SHOW} c.json -o json=c.json", "c.json is an input (--contract), so …"),
    Wrong(f"{_SHOW} c.json -o table -o json", "only one format can go to standard output, …"),
    Wrong(f"{_SHOW} c.json -o table=x -o json=x", "-o table and -o json both write x; …"),
    Wrong(f"{_SHOW} c.json -o json=directory", "can't write directory: it is a directory", 3),
    Wrong(f"{_SHOW} c.json -o json=loop", "can't write loop: Too many levels of symbolic links", 3),
    Wrong(f"{_SHOW} c.json -o json=file/x", "can't write file/x: Not a directory", 3),
    Wrong(f"{_SHOW} c.json -o json=/dev/full", "can't write /dev/full: No space left on device", 3),
    Wrong(f"{_SHOW} c.json -o json={'x' * 300}", f"can't write {'x' * 300}: File name too long", 3),
    Wrong("contract schema --output-file ''", "Invalid value for '--output-file': …"),
    Wrong("contract schema --output-file /proc/x", "can't write /proc/x: …", 3),
)

_ARN = "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555"
_ZONE = "--add-zone zone-1=eu-central-1,arn:aws:iam::123456789012:role/zone"
_CREATE = f"contract create --arn {_ARN} {_ZONE}"
_NOT_MADE = "the contract can't be made: 1 problem\n "
CREATE = (
    Wrong("contract create", "name the CA with --arn, or a document with …"),
    Wrong(f"contract create --arn nope {_ZONE}", f"{_NOT_MADE} certificateAuthority.arn (--arn): 'nope' is …"),
    Wrong(f"{_CREATE} --add-zone zone-2", f"{_NOT_MADE} --add-zone zone-2: must be NAME=REGION,…"),
    *_read(f"{_CREATE} --chain", "missing", "/dev/zero"),
    _decode(f"{_CREATE} --chain", "binary", "PEM"),
    Wrong(f"{_CREATE} --chain mesh.yaml", f"{_NOT_MADE} certificateChain (--chain): line 1: no PEM …"),
    Wrong(f"{_CREATE} --chain chain.pem --lifetime 5x", f"{_NOT_MADE} dataPlaneLifetime (--lifetime): '5x' is …"),
    Wrong("contract create --from-terraform - --chain -", "--chain and --from-terraform can't both be -…"),
    Wrong(_CREATE, "there are no AWS credentials", 3, _NO_HOME),
    Wrong(f"{_CREATE} --endpoint-url nonsense", _NO_ENDPOINT, 2, AWS),
)

_RENDER = "render-mesh --contract c.json"
_NO_RENDERING = "the Mesh can't be rendered\n "
RENDERMESH = (
    *_read(f"{_RENDER} --base", "directory", "huge"),
    _decode(f"{_RENDER} --base", "utf16", "YAML"),
    Wrong(f"{_RENDER} --base latin1.yaml", "latin1.yaml is not YAML\n  latin1.yaml:1: the text is not UTF-8; …"),
    Wrong(f"{_RENDER} --base tab.yaml", _TAB),
    Wrong(f"{_RENDER} --base twice.yaml", _TWICE),
    Wrong(
        _RENDER,
        "Invalid value for '--mode' from TOOLKIT_RENDER_MESH_MODE: 'x' is not one of …",
        environment={"TOOLKIT_RENDER_MESH_MODE": "x"},
    ),
    Wrong(f"{_RENDER} --mode", "Option '--mode' requires an argument.", environment={"COLUMNS": "40", "TERM": "dumb"}),
    Wrong(f"{_RENDER} --expiration 1d12h", f"{_NO_RENDERING} --expiration: '1d12h' is not a duration…"),
    Wrong(f"{_RENDER} --request-timeout x", f"{_NO_RENDERING} --request-timeout: …"),
    Wrong(f"{_RENDER} --namespace 'a b'", f"{_NO_RENDERING} --namespace: must be 1 to 63 …"),
    Wrong(f"{_RENDER} --ca-cert nowhere", "Invalid value for '--ca-cert': must be one of inline, …"),
    Wrong(f"{_RENDER} --mesh-version 2.x", "Invalid value for '--mesh-version': '2.x' is not a version …"),
    Wrong(f"{_RENDER} -o mesh.yml", f"{_OUTPUT} 'mesh.yml' is a file, and a format belongs here; write yaml=mesh.yml"),
    Wrong(f"{_RENDER} --output-file c.json", "c.json is an input (--contract), so …"),
    Wrong("render-mesh --contract - --base -", "--contract and --base can't both be -: there is one standard input"),
    Wrong(f"{_RENDER} --diff", "--diff needs --base: it shows what would change there"),
    Wrong(f"{_RENDER} --ca-cert secret --secret-file x --output-file x", "--output-file and --secret-file both …"),
    Wrong(f"{_RENDER} --ca-cert secret --secret-file mesh.yaml --base mesh.yaml", "mesh.yaml is an input (--base)…"),
    Wrong(f"{_RENDER} --ca-cert secret --secret-file /dev/full", "can't write a secret to /dev/full…", 3),
    Wrong(f"{_RENDER} --credentials prompt", "--credentials prompt needs a terminal to ask on…"),
    Wrong(f"{_RENDER} --credentials prompt --base missing", "can't read missing: No such file or directory"),
    Wrong(f"{_RENDER} --credentials prompt", "--credentials prompt needs a terminal to ask on…", redirect="<&-"),
    Wrong(f"{_RENDER} --credentials env", "the environment has no access key\n  AWS_ACCESS_KEY_ID: is missing"),
    Wrong(f"{_RENDER} --credentials binary", "binary is not an AWS credentials file…"),
    Wrong(f"{_RENDER} --credentials credentials --credentials-profile nobody", "credentials has no profile nobody…"),
    Wrong(f"{_RENDER} --base control-plane", "name the control plane with --control-plane URL, …"),
)

_VALUES = "render-zone --contract c.json --zone zone-1"
_ADDRESS = "invalid address of the global control plane\n  --kds-address:"
_JOB = "render-job --contract c.json --image registry.example/toolkit:0.1.0"
_NO_JOB = "the Job can't be rendered\n "
RENDER_ZONE_AND_JOB = (
    Wrong(
        "render-zone --contract c.json --zone nope", "the contract has no zone nope\n  --zone: nope is not a zone of …"
    ),
    Wrong(f"{_VALUES} --kds-address host", f"{_ADDRESS} 'host' is not of the form grpcs://HOST:PORT"),
    Wrong(f"{_VALUES} --kds-address grpcs://host:99999", f"{_ADDRESS} 'grpcs://host:99999' is not of the form …"),
    _decode(f"{_VALUES} --base", "binary", "YAML"),
    Wrong(f"{_VALUES} --base mesh.yaml", "mesh.yaml is not a Helm values file\n  mesh.yaml:2:1 kind: this is a …"),
    Wrong(f"{_VALUES} --output-dir file/x", "can't write file/x/zone-1.values.yaml: Not a directory", 3),
    Wrong("render-job --contract c.json", "Missing option '--image'."),
    Wrong("render-job --contract c.json --image toolkit", f"{_NO_JOB} --image: 'toolkit' has no tag…"),
    Wrong("render-job --contract c.json --image 'A B'", f"{_NO_JOB} --image: 'A B' is not an image name…"),
    Wrong(f"{_JOB} --schedule often", f"{_NO_JOB} --schedule: 'often' is not a schedule…"),
    Wrong(f"{_JOB} --schedule @daily --time-zone Mars/Olympus", f"{_NO_JOB} --time-zone: 'Mars/Olympus' is not a …"),
    Wrong(f"{_JOB} --timeout 3601", "Invalid value for '--timeout': 3601 is not in the range 1<=x<=3600."),
    Wrong(f"{_JOB} --retries 6", "Invalid value for '--retries': 6 is not in the range 0<=x<=5."),
    Wrong(f"{_JOB} --horizon -1d", f"{_NO_JOB} --horizon: '-1d' is not a duration…"),
    Wrong(f"{_JOB} -f - --contract -", "--contract and -f can't both be -: there is one standard input"),
    Wrong(f"{_JOB} -f mesh.yaml", "Mesh default can't be used\n  mesh.yaml:1:1 spec.mtls.enabledBackend: …"),
)

_APPLY = "apply -f universal.yaml --yes --control-plane"
_TOKEN_FILE = f"{_APPLY} https://host --token-file"
_CA_FILE = f"{_APPLY} https://host --ca-file"
_NOT_ASKED = "the settings for the control plane are not valid\n "
_NO_TOKEN = "the user token is not valid\n "
APPLY = (
    Wrong("apply", "Missing option '-f' / '--filename'."),
    # What is wrong is said before the missing --yes.
    Wrong("apply -f universal.yaml", "name the control plane with --control-plane URL, TOOLKIT_CONTROL_PLANE or …"),
    Wrong("apply -f universal.yaml --control-plane foo", f"{_NOT_ASKED} --control-plane: must begin with http:// or …"),
    Wrong("apply -f universal.yaml --control-plane http://127.0.0.1:9", "GET /: can't connect to …", 3, redirect="<&-"),
    Wrong("apply -f mesh.yaml --yes", "documents for Kubernetes can't be applied over HTTP…"),
    Wrong("apply -f - -f -", "-f - can be given only once: there is one standard input"),
    *_read("apply --yes -f", "missing", "huge"),
    Wrong("apply --yes -f twice.yaml", _TWICE),
    Wrong(f"{_APPLY} nonsense", f"{_NOT_ASKED} --control-plane: must begin with http:// or https://"),
    Wrong(f"{_APPLY} http://a..b", f"{_NOT_ASKED} --control-plane: has no valid host and port"),
    Wrong(f"{_APPLY} http://{'a' * 64}.b", f"{_NOT_ASKED} --control-plane: has no valid host and port"),
    Wrong(f"{_APPLY} http://127.0.0.1:9", "GET /: can't connect to http://127.0.0.1:9: …", 3),
    Wrong(f"{_APPLY} http://nowhere.invalid:5681", "GET /: can't connect to http://nowhere.invalid:5681: …", 3),
    Wrong(f"{_APPLY} https://host --context c", "--control-plane and --context both name the control plane; …"),
    Wrong("apply -f universal.yaml --yes --context c", "can't read {home}/.kumactl/config: No such file or directory"),
    *_read(_TOKEN_FILE, "missing", "/proc/self/mem", what="the token file "),
    Wrong(f"{_TOKEN_FILE} binary", "can't read the token file binary: it is not a token"),
    Wrong(f"{_TOKEN_FILE} empty", f"{_NO_TOKEN} empty: is empty"),
    Wrong(f"{_TOKEN_FILE} huge", "can't read the token file huge: it is larger than 64 KiB"),
    Wrong(f"{_APPLY} http://203.0.113.1 --token-file token", f"{_NOT_ASKED} --control-plane: is an http:// address …"),
    Wrong(f"{_CA_FILE} missing", f"{_NOT_ASKED} --ca-file: missing: No such file or directory"),
    Wrong(f"{_CA_FILE} /dev/zero", f"{_NOT_ASKED} --ca-file: /dev/zero: it is larger than 16 MiB"),
    Wrong(f"{_CA_FILE} token", f"{_NOT_ASKED} --ca-file: token: line 1: no PEM certificate …"),
    Wrong(f"{_APPLY} https://host --control-plane-timeout 0", "Invalid value for '--control-plane-timeout': 0 …"),
    Wrong(f"{_APPLY} https://host", "SSLKEYLOGFILE names /missing/x, …", 3, _KEY_LOG),
    Wrong(f"{_APPLY} https://host", "HTTPS_PROXY is not a valid URL…", 3, _GOPHER),
)

_ROTATE = "rotate --contract c.json --base"
_MOVE = f"{_ROTATE} mtls.yaml --to mesh-identity"
_IDENTITY = "render-identity --contract c.json"
ROTATE_AND_LINT = (
    Wrong("rotate --contract c.json", "Missing option '--base'."),
    *_read(_ROTATE, "missing"),
    _decode(_ROTATE, "binary", "YAML"),
    Wrong(f"{_ROTATE} mtls.yaml --to tab.yaml", _TAB),
    Wrong(f"{_ROTATE} - --to -", "--base and --to can't both be -: there is one standard input"),
    Wrong(f"{_ROTATE} mtls.yaml --step 6", "Invalid value for '--step': 6 is not in the range 1<=x<=5."),
    Wrong(f"{_ROTATE} mtls.yaml --identity-name x", "--identity-name needs --to mesh-identity"),
    Wrong(f"{_ROTATE} mtls.yaml --old-chain c.json", "--old-chain needs --to mesh-identity"),
    Wrong(f"{_MOVE} --mode STRICT", "--mode has no effect with --to mesh-identity"),
    Wrong(f"{_MOVE} --workload --path /x", "--workload and --path exclude each other"),
    Wrong(f"{_MOVE} --mesh-version 2.13", "Kong Mesh 2.13.0 has no MeshIdentity extension acmpca\n  --mesh-version: …"),
    *_read(f"{_MOVE} --old-chain"),
    _decode(f"{_MOVE} -f", "utf16", "YAML"),
    Wrong(f"{_MOVE} --old-chain empty", "the old CA's chain can't be read\n  --old-chain: …"),
    Wrong(f"{_MOVE} --trust-domain spiffe://x", "the MeshIdentity can't be rendered\n  --trust-domain: …"),
    Wrong(f"{_IDENTITY} --path x --expiration 0s", "the MeshIdentity can't be rendered\n  --path: …"),
    Wrong(
        f"{_IDENTITY} --credentials env",
        "a MeshIdentity can't have static credentials\n  --credentials or --access-key: …",
    ),
    Wrong(f"{_IDENTITY} --mesh nope", "the contract does not have the mesh\n  meshes: …"),
    Wrong(f"{_IDENTITY} -o xml", f"{_OUTPUT} 'xml' is not a format; …"),
    Wrong(f"{_IDENTITY} --output-file c.json", "c.json is an input (--contract), so …"),
    Wrong(f"{_ROTATE} mtls.yaml -o json=mtls.yaml", "mtls.yaml is an input (--base), so …"),
    Wrong(f"{_ROTATE} mtls.yaml --output-dir loop", "can't write loop/0-before.yaml: Too many levels …", 3),
    Wrong(f"{_ROTATE} control-plane", "--base control-plane needs --mesh NAME"),
    Wrong("lint", "name a FILE to check, or - for standard input"),
    *_read("lint", "missing", "loop", "/dev/zero"),
    _decode("lint", "utf16", "YAML"),
    Wrong("lint values.yaml", "found no Mesh and no Secret of Kong Mesh in …"),
    Wrong("lint -", "can't read standard input: it is closed", redirect="<&-"),
    Wrong("lint - --contract -", "FILE and --contract can't both be -: there is one standard input"),
    Wrong("lint mesh.yaml -o sarif=mesh.yaml", "mesh.yaml is an input (FILE), so …"),
    Wrong(
        "lint mesh.yaml -o srif",
        f"{_OUTPUT} 'srif' is not a format; choose text, json or sarif; to write a file: sarif=FILE. Did you mean …",
    ),
    Wrong("lint mesh.yaml --tag service", "--tag takes KEY=VALUE, such as kuma.io/service=web"),
    Wrong("lint mesh.yaml --fail-on fatal", "Invalid value for '--fail-on': 'fatal' is not one of …"),
    Wrong("lint mesh.yaml --namespace 'A B'", "Invalid value for '-n' / '--namespace': …"),
)

_VERIFY = "verify --contract c.json"
_ASK = f"{_VERIFY} --timeout 1 --endpoint-url"
_TOKEN = f"{_VERIFY} --zone zone-1 --identity web-identity --web-identity-token-file"
_NO_PLAN = "the zones can't be verified\n "
_NOBODY_ASKED = "no zone could be asked:"
VERIFY = (
    Wrong(_VERIFY, "there are no AWS credentials", 3, _NO_HOME),
    Wrong(
        _VERIFY,
        "Invalid value for '--timeout' from TOOLKIT_VERIFY_TIMEOUT: 'x' is not a valid …",
        2,
        {"TOOLKIT_VERIFY_TIMEOUT": "x"},
    ),
    Wrong(f"{_VERIFY} --timeout 0", "Invalid value for '--timeout': 0 is not in the range …"),
    Wrong(f"{_VERIFY} --timeout 99999999999999", "Invalid value for '--timeout': 99999999999999 is not in the range …"),
    Wrong(f"{_VERIFY} --deadline 99999999999999", "Invalid value for '--deadline': 99999999999999 is not …"),
    Wrong(f"{_VERIFY} --lifetime 1d12h", f"{_NO_PLAN} --lifetime: '1d12h': '1d12h' is not a duration…"),
    Wrong(f"{_VERIFY} --zone nope", "the contract has no zone nope"),
    Wrong(f"{_VERIFY} --service ''", f"{_NO_PLAN} --service: …"),
    Wrong(f"{_VERIFY} --identity ambient", "--identity ambient is one zone's; name it with --zone: zone-1, zone-2"),
    Wrong(f"{_VERIFY} --profile nobody", "can't load AWS credentials: The config profile (nobody) …", 3),
    Wrong(_VERIFY, "can't load AWS credentials: Unable to parse config file: binary", 3, {"AWS_CONFIG_FILE": "binary"}),
    *_read(_TOKEN, "missing", "/dev/zero", what="the token "),
    Wrong(f"{_TOKEN} binary", "can't read the token binary: it is not a token"),
    Wrong(f"{_TOKEN} empty", "the token empty is empty"),
    Wrong(f"{_VERIFY} -f twice.yaml", _TWICE),
    Wrong(f"{_VERIFY} -o verify.html", f"{_OUTPUT} 'verify.html' is a file, and a format belongs here; …"),
    Wrong(f"{_VERIFY} --ledger c.json", "c.json is an input (--contract), so …"),
    Wrong(f"{_VERIFY} --ledger x -o json=x", "--ledger and -o json both write x; choose another file for one of them"),
    # Found before anything else: no certificate may be issued whose report can't be written.
    Wrong(f"{_VERIFY} -o json=loop --lifetime x", "can't write loop: Too many levels of symbolic links", 3),
    Wrong(f"{_VERIFY} -o json=file/x", "can't write file/x: …", 3),
    Wrong(f"{_VERIFY} --ledger file/x", "can't write the ledger file/x: Not a directory", 3, AWS),
    Wrong(f"{_VERIFY} --ledger -", "Invalid value for '--ledger': a ledger must be a file; …"),
    Wrong(f"{_VERIFY} --resume missing", "can't read the ledger missing: No such file or directory", 2, AWS),
    Wrong(f"{_VERIFY} --resume binary", "binary is not a ledger of toolkit verify: it is not UTF-8", 2, AWS),
    Wrong(f"{_VERIFY} --resume list.json", "list.json is not a ledger of toolkit verify\n  line 1: …", 2, AWS),
    *_read(f"{_VERIFY} --merge", "missing", "huge"),
    Wrong(f"{_VERIFY} --merge utf16", f"utf16 is not a report of toolkit verify\n  {_GARBLED['utf16']}"),
    Wrong(
        f"{_VERIFY} --merge object.json", "object.json is not a report of toolkit verify\n  schemaVersion: is missing"
    ),
    Wrong(f"{_VERIFY} --merge - -", "--merge - can be given only once: there is one standard input"),
    Wrong(f"{_ASK} http://127.0.0.1:9", f"{_NOBODY_ASKED} Could not connect to the endpoint URL…", 3, AWS),
    Wrong(f"{_ASK} http://127.0.0.1:9", f"{_NOBODY_ASKED} Could not connect to the endpoint URL…", 3, AWS, "<&-"),
    Wrong(f"{_ASK} http://127.0.0.1:99999", _NO_ENDPOINT, 2, AWS),
    Wrong(f"{_ASK} https://127.0.0.1:9", "SSLKEYLOGFILE names /missing/x, …", 3, {**AWS, **_KEY_LOG}),
    Wrong(f"{_ASK} https://127.0.0.1:9", "AWS_CA_BUNDLE names gone, …", 3, {**AWS, "AWS_CA_BUNDLE": "gone"}),
    Wrong(f"{_ASK} https://nowhere.invalid", "HTTPS_PROXY is not a valid URL…", 3, {**AWS, **_GOPHER}),
)

SANDBOX = (
    Wrong("sandbox --port 65536", "Invalid value for '--port': 65536 is not in the range 0<=x<=65535."),
    Wrong("sandbox --port {port} -- true", "can't listen on 127.0.0.1:{port}: Address already in use", 3),
    Wrong("sandbox --issuance-delay nan -- true", "Invalid value for '--issuance-delay': …"),
    Wrong("sandbox --region 'a b' -- true", "Invalid value for '--region': …"),
    Wrong("sandbox --detach -- true", "--detach and a command exclude each other: the sandbox ends with the command"),
    *_read("sandbox --faults", "missing", "directory", "/dev/zero"),
    Wrong("sandbox --faults tab.yaml", _TAB),
    Wrong("sandbox --faults list.json", "list.json is not a valid fault plan\n  must be an object with keys, …"),
    Wrong("sandbox --state file -- true", "Invalid value for '--state': Directory 'file' is a file."),
    Wrong("sandbox --state loop -- true", "can't write loop: Too many levels of symbolic links", 3),
    Wrong("sandbox --stack-file c.json", "c.json is not a stack's file: its name must be Pulumi.<stack>.yaml"),
    Wrong("sandbox --stack-file Pulumi.gone.yaml", "can't read Pulumi.gone.yaml: No such file or directory"),
    Wrong("sandbox --stack-file Pulumi.zero.yaml", "can't read Pulumi.zero.yaml: it is larger than 16 MiB"),
    Wrong("sandbox --stack-file Pulumi.tab.yaml", "Pulumi.tab.yaml is not YAML\n  Pulumi.tab.yaml:2:1: …"),
    Wrong("sandbox --stack-file Pulumi.shape.yaml", "Pulumi.shape.yaml…"),
    Wrong("sandbox --stack-file Pulumi.secret.yaml", "Pulumi.secret.yaml has an encrypted value"),
    # A shell's exit code of a program that does not exist.
    Wrong("sandbox -- no-such-program", "can't run no-such-program: No such file or directory", 127),
)

STREAMS = (
    Wrong("version", _FULL, 3, redirect=">/dev/full"),
    Wrong("version", _CLOSED, 3, redirect=">&-"),
    Wrong("--help", _FULL, 3, redirect=">/dev/full"),
    Wrong("--help", _CLOSED, 3, redirect=">&-"),
    Wrong(_RENDER, _FULL, 3, redirect=">/dev/full"),
    Wrong(f"{_RENDER} --credentials env", _CLOSED, 3, AWS, ">&-"),
    Wrong(f"{_ROTATE} mtls.yaml --step 1 --diff", _CLOSED, 3, redirect=">&-"),
    Wrong(_JOB, _FULL, 3, redirect=">/dev/full"),
    Wrong("demo --output-dir demo", _FULL, 3, redirect=">/dev/full"),
    Wrong("lint missing", "", redirect="2>&-"),
    Wrong("lint missing", "", redirect="2>/dev/full"),
)

INVOCATIONS = (
    *COMMAND_LINE,
    *CONTRACT,
    *CREATE,
    *RENDERMESH,
    *RENDER_ZONE_AND_JOB,
    *APPLY,
    *ROTATE_AND_LINT,
    *VERIFY,
    *SANDBOX,
    *STREAMS,
)
