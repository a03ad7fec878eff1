"""Read contexts of kumactl: a control plane's address, its CAs and the user token.

Sources: kumahq/kuma:pkg/config/app/kumactl/v1alpha1/config.proto (the fields), app/kumactl/pkg/config/io.go (the file),
app/kumactl/pkg/client/api_server_client.go (headers and TLS) and
pkg/plugins/authn/api-server/tokens/cli/plugin.go (the token).
"""

from __future__ import annotations

import re
from pathlib import Path

from toolkit.control_plane.connection import Access, Token
from toolkit.errors import InvalidInputError, Problem
from toolkit.files import read_text
from toolkit.text import take_line
from toolkit.values import Object
from toolkit.yamltext.parsing import parse
from toolkit.yamltext.plain import items, mapping, text

# kumactl has an option for another file, but no environment variable.
_DEFAULT = (".kumactl", "config")
_BEARER = re.compile(r"bearer +(?P<token>.+)", re.IGNORECASE | re.DOTALL)
_SECOND_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WITHOUT = "Name the control plane with --control-plane, --ca-file and --token-file."


def read_context(name: str, file: Path | None, ca_file: Path | None = None) -> Access:
    """Read a context from kumactl's configuration.

    Args:
        name: name of the context.
        file: the configuration; None for kumactl's default, ``~/.kumactl/config``.
        ca_file: PEM file of the CAs to trust, instead of the context's.

    Raises:
        InvalidInputError: the file can't be read, the context does not exist, or it needs an unsupported feature. The
            error quotes only names from the file.
    """
    source = str(file or Path.home().joinpath(*_DEFAULT))
    documents = [parsed.value for parsed in parse(read_text(source), source)]
    configuration = mapping(documents[0]) if len(documents) == 1 else {}
    context = _named(_field(configuration, "contexts"), name)
    if context is None:
        there = _names(_field(configuration, "contexts"))
        raise InvalidInputError(
            f"Unknown context {take_line(name)} in {source}. Contexts: {there}.",
            hint="kumactl config get-contexts lists them; kumactl config control-planes add makes one.",
        )
    control_planes = _field(configuration, "controlPlanes")
    wanted = _field(context, "controlPlane")
    control_plane = _named(control_planes, wanted) if isinstance(wanted, str) else None
    place = f"context {take_line(name)} of {source}"
    if control_plane is None:
        raise InvalidInputError(
            f"{place} names a control plane that the file does not have. Control planes: {_names(control_planes)}."
        )
    server = mapping(_field(mapping(_field(control_plane, "coordinates")), "apiServer"))
    return _context(place, server, ca_file)


def _context(place: str, server: Object, ca_file: Path | None) -> Access:
    """Return the settings from a control plane's coordinates."""
    problems: list[Problem] = []
    url = _text(server, "url", problems)
    trusted = _text(server, "caCertFile", problems)
    is_http = url.startswith("http://")
    if not url and not problems:
        problems.append(_problem("url", "is missing"))
    if _field(server, "skipVerify") not in (None, False) and not (is_http or ca_file):
        reason = "skips the verification of the certificate, which is not supported: name its CA with --ca-file"
        problems.append(_problem("skipVerify", reason))
    problems += [
        _problem(field, "is not supported: client certificates can't be used")
        for field in ("clientCertFile", "clientKeyFile")
        if _field(server, field)
    ]
    tokens = {token for token in (_auth_token(server, problems), *_header_tokens(server, problems)) if token}
    if len(tokens) > 1:
        problems.append(_problem("headers", "contain another token than authConf"))
    if problems:
        raise InvalidInputError(f"{place} can't be used", problems, _WITHOUT)
    token = Token(tokens.pop(), place) if tokens else None
    # Plain HTTP has no certificate, and kumactl ignores the CA there.
    return Access(
        url,
        token,
        ca_file or (Path(trusted) if trusted and not is_http else None),
        place=place,
        ca_place="--ca-file" if ca_file else place,
    )


def _auth_token(server: Object, problems: list[Problem]) -> str:
    """Return the token of ``authConf``; empty if there is none."""
    kind = _text(server, "authType", problems)
    if not kind:
        return ""
    if kind != "tokens":
        problems.append(_problem("authType", "is not supported; only tokens is"))
        return ""
    token = text(mapping(_field(server, "authConf")).get("token"))
    if not token:
        problems.append(_problem("authConf.token", "is missing or is not a text"))
    return token


def _header_tokens(server: Object, problems: list[Problem]) -> list[str]:
    """Return the tokens of Authorization headers. Other headers are not supported."""
    tokens = []
    for index, header in enumerate(items(_field(server, "headers"))):
        key, value = (mapping(header).get(part) for part in ("key", "value"))
        if not isinstance(key, str) or key.lower() != "authorization":
            problems.append(_problem(f"headers[{index}]", "is not supported: only an Authorization header is sent"))
        elif match := _BEARER.fullmatch(value) if isinstance(value, str) else None:
            tokens.append(match["token"])
        else:
            problems.append(_problem(f"headers[{index}].value", "is not supported: only a Bearer token is sent"))
    return tokens


def _problem(field: str, message: str) -> Problem:
    return Problem(f"coordinates.apiServer.{field}", message)


def _text(values: Object, name: str, problems: list[Problem]) -> str:
    value = _field(values, name)
    if value is not None and not isinstance(value, str):
        problems.append(_problem(name, "is not a text"))
    return value if isinstance(value, str) else ""


def _field(values: Object, name: str) -> object:
    """Return a field by its JSON name or its name in the proto file, because protobuf accepts both."""
    return values.get(name, values.get(_SECOND_CAPITAL.sub("_", name).lower()))


def _named(entries: object, name: str) -> Object | None:
    return next((mapping(entry) for entry in items(entries) if mapping(entry).get("name") == name), None)


def _names(entries: object) -> str:
    names = [mapping(entry).get("name") for entry in items(entries)]
    return ", ".join(take_line(name) for name in names if isinstance(name, str)) or "none"
