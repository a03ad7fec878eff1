"""A client for a control plane's HTTP API, limited to Meshes, some resources of a mesh, and insights.

Sources: kumahq/kuma:pkg/api-server/index_endpoints.go, kumahq/kuma:pkg/api-server/resource_endpoints.go and
kumahq/kuma:pkg/core/rest/errors/error_handler.go.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from typing import NamedTuple, Self
from urllib.parse import parse_qs, quote

import httpx

from toolkit import __version__
from toolkit.control_plane.connection import (
    Access,
    RequestDeadline,
    create_tls_context,
    explain_tls_failure,
    parse_address,
    speaks_plainly,
)
from toolkit.control_plane.resource_keys import Key, build_list_path
from toolkit.control_plane.responses import (
    CHECK_ADDRESS,
    NOT_TRUSTED,
    PLAIN_HTTP,
    ApiResponse,
    Index,
    choose_connection_hint,
    choose_hint,
    means_tls,
)
from toolkit.errors import ExternalError, InvalidInputError, Problem, flatten
from toolkit.network_settings import is_loopback
from toolkit.redaction import check_proxies
from toolkit.text import take_line
from toolkit.values import Object

_log = logging.getLogger(__name__)
MAX_RESPONSE = 16 * 1024 * 1024
# Pauses between the attempts of a read, in seconds.
READ_PAUSES = (0.5, 1.0)
# Too many requests, and a proxy without a backend: a retry may succeed.
_PASSING = frozenset({429, 502, 503, 504})
# Concurrent writes, or too many requests.
_TEMPORARY = frozenset({409, 412, 429})
_NOT_FOUND = 404
# Of 100 resources each.
_MAX_PAGES = 1000
# Kuma's is a number. httpx refuses URLs that are much longer.
_MAX_OFFSET = 1000
_INVALID = frozenset({400, 422})
_ELSEWHERE = frozenset({301, 302, 307, 308, _NOT_FOUND})
_WRITTEN = frozenset({200, 201, 204})


class Written(NamedTuple):
    """The result of a write: whether the resource was created, and the control plane's warnings."""

    created: bool
    warnings: tuple[str, ...] = ()


def _refuse_proxy(error: Exception) -> ExternalError:
    variables = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")
    name = next((variable for variable in variables if os.environ.get(variable)), "HTTPS_PROXY")
    return ExternalError(
        f"{name} is not a valid URL of a proxy: {flatten(error)}",
        f"Write http://HOST:PORT, or unset {name}.",
    )


class ControlPlaneError(ExternalError):
    """The control plane can't be reached, returned an error, or is not a control plane.

    Attributes:
        status: status of the response; None if there was none.
        passing: whether a retry may succeed: the failure is temporary.
        unsure: whether a write may have been done although the request failed.
    """

    def __init__(
        self, message: str, hint: str = "", *, status: int | None = None, passing: bool = False, unsure: bool = False
    ) -> None:
        super().__init__(message, hint)
        self.status = status
        self.passing = passing
        self.unsure = unsure

    @property
    def is_temporary(self) -> bool:
        """Return whether the same command may succeed later without a change."""
        return self.status is None or self.status in _TEMPORARY or httpx.codes.is_server_error(self.status)

    @property
    def may_end(self) -> bool:
        """Return whether the next request may succeed: the failure is temporary, or a resource is not there yet."""
        return self.passing or self.unsure or self.status in (*_TEMPORARY, _NOT_FOUND)


class RefusedDocumentError(InvalidInputError):
    """The control plane rejected a document as invalid and changed nothing. Paths are relative to the document."""


class ControlPlane:
    """A client for one control plane. Close it, or use it in a ``with`` statement.

    Args:
        access: address and credentials.
        pause: waits between two attempts.

    Raises:
        InvalidInputError: the address or the CA file is not valid, or the token would be sent unencrypted.
        ExternalError: the URL of a proxy in the environment is not valid.
    """

    def __init__(self, access: Access, pause: Callable[[float], None] = time.sleep) -> None:
        url = parse_address(access)
        self.url = str(url).rstrip("/")
        self._index = "" if url.path.strip("/") else "/"
        self._token, self._timeout, self._pause = access.token, access.timeout, pause
        self._deadline = RequestDeadline(access.timeout)
        is_local = is_loopback(url.host)
        if problem := check_proxies(os.environ):
            raise ExternalError(problem)
        context = create_tls_context(access) if url.scheme == "https" else False
        try:
            self._client = httpx.Client(
                verify=context,
                timeout=access.timeout,
                follow_redirects=False,
                # A proxy from the environment could read unencrypted requests, including the token.
                trust_env=url.scheme == "https" and not is_local,
                # No compression, so that the limit applies to the actual size of a response.
                headers={
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                    "User-Agent": f"kong-mesh-pca-toolkit/{__version__}",
                },
            )
        except (ImportError, ValueError) as error:
            # The proxy's scheme is unknown, or is SOCKS, for which httpx needs another package.
            raise _refuse_proxy(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get_index(self) -> Index:
        """Return the control plane's index.

        Raises:
            ExternalError: the address can't be reached, or is not a control plane's.
        """
        # With a path prefix, kumactl omits the final slash (kumahq/kuma:pkg/util/http/client.go, path.Join). Some
        # proxies accept only the path with a slash.
        response = self._read(self._index)
        if not self._index and response.status in _ELSEWHERE:
            response = self._read("/")
        said = (response.parse_document() if response.status == httpx.codes.OK else None) or {}
        # Older versions have the same text in `tagline` instead of `product`.
        product, version = said.get("product") or said.get("tagline"), said.get("version")
        if not (isinstance(product, str) and isinstance(version, str)):
            raise self._unexpected("GET /", response)
        return Index(take_line(product), take_line(version), take_line(said.get("mode")))

    def get_mesh(self, name: str) -> Object | None:
        """Return a Mesh from the control plane, in the Universal form; None if it does not exist.

        Raises:
            ExternalError: the control plane can't be reached, or returned an error.
        """
        return self.get(Key("Mesh", name, name))

    def get(self, key: Key) -> Object | None:
        """Return a resource from the control plane, in the Universal form; None if it does not exist.

        Raises:
            ExternalError: the control plane can't be reached, or returned an error.
        """
        return self._resource(_path(key), key.kind, key.name)

    def get_insight(self, mesh: str) -> Object | None:
        """Return a mesh's MeshInsight, which counts its proxies; None if there is none yet.

        Source: kumahq/kuma:api/mesh/v1alpha1/mesh_insight.proto.

        Raises:
            ExternalError: the control plane can't be reached, or returned an error.
        """
        return self._resource(f"/mesh-insights/{quote(mesh, safe='')}", "MeshInsight", mesh)

    def get_configuration(self) -> Object:
        """Return the control plane's configuration; empty if it doesn't show that, as on Konnect.

        Source: kumahq/kuma:pkg/api-server/config_ws.go.

        Raises:
            ExternalError: the control plane can't be reached.
        """
        response = self._read("/config")
        return (response.parse_document() if response.status == httpx.codes.OK else None) or {}

    def list_resources(self, kind: str, mesh: str) -> list[Object]:
        """Return all resources of a kind in a mesh, from all pages.

        Source: kumahq/kuma:pkg/api-server/pagination.go.

        Raises:
            ExternalError: the control plane can't be reached, returned an error, or returned a page twice.
        """
        path, offsets, found = build_list_path(kind, mesh), [""], []
        while len(offsets) <= _MAX_PAGES:
            page = f"{path}?offset={offsets[-1]}" if offsets[-1] else path
            response = self._read(page)
            document = response.parse_document()
            if response.status != httpx.codes.OK or document is None or not isinstance(document.get("items"), list):
                raise self._unexpected(f"GET {page}", response)
            found += [item for item in document["items"] if isinstance(item, dict) and item.get("type") == kind]
            following = _read_offset(document.get("next"))
            if not following:
                return found
            if following in offsets or len(following) > _MAX_OFFSET:
                break
            offsets.append(following)
        raise ControlPlaneError(f"GET {path}: the list has no end", CHECK_ADDRESS)

    def _resource(self, path: str, kind: str, name: str) -> Object | None:
        response = self._read(path)
        # A 404 from a proxy does not mean that the resource does not exist.
        if response.status == _NOT_FOUND and response.is_of_kuma:
            return None
        document = response.parse_document()
        if response.status != httpx.codes.OK or document is None:
            raise self._unexpected(f"GET {path}", response)
        if (document.get("type"), document.get("name")) != (kind, name):
            raise ControlPlaneError(f"GET {path}: the answer is not a {kind} with that name", CHECK_ADDRESS)
        return document

    def put(self, key: Key, document: Object) -> Written:
        """Create or replace a resource, without retries.

        Raises:
            RefusedDocumentError: the control plane rejected the document as invalid.
            ControlPlaneError: the control plane can't be reached, returned an error, or its response is not valid.
        """
        body = json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
        response = self._exchange("PUT", _path(key), body)
        if response.status in _INVALID and not means_tls(response):
            problems = response.list_problems() or (Problem("", response.summarize() or "no reason is given"),)
            raise RefusedDocumentError(f"the control plane rejects {key}", problems)
        if response.status not in _WRITTEN or (response.body.strip() and response.parse_document() is None):
            raise self._unexpected(f"PUT {_path(key)}", response)
        return Written(response.status == httpx.codes.CREATED, response.list_warnings())

    def _read(self, path: str) -> ApiResponse:
        """Send a GET request, and retry after temporary failures."""
        for pause in READ_PAUSES:
            try:
                response = self._exchange("GET", path)
            except ControlPlaneError as error:
                if not error.passing:
                    raise
            else:
                if response.status not in _PASSING:
                    return response
            self._pause(pause)
        return self._exchange("GET", path)

    def _exchange(self, method: str, path: str, body: bytes | None = None) -> ApiResponse:
        """Send a request and log its outcome, without headers and bodies."""
        begun, outcome = time.monotonic(), "no response"
        try:
            response = self._send(method, path, body)
            outcome = str(response.status)
            return response
        finally:
            _log.info("%s %s: %s, %.0f ms", method, path or "/", outcome, (time.monotonic() - begun) * 1000)

    def _send(self, method: str, path: str, body: bytes | None) -> ApiResponse:
        asked, has_answered = f"{method} {path or '/'}", False
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if self._token is not None:
            headers["Authorization"] = self._token.to_header()
        try:
            with (
                self._deadline as deadline,
                self._client.stream(
                    method, self.url + path, content=body, headers=headers, extensions={"trace": deadline.trace}
                ) as response,
            ):
                has_answered = True
                content = self._content(asked, response)
        except httpx.TimeoutException as error:
            raise self._late(asked, unsure=not isinstance(error, httpx.ConnectTimeout)) from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            if self._deadline.is_over:
                raise self._late(asked) from error
            raise self._lost(asked, error, has_answered=has_answered) from error
        if self._deadline.is_over:
            # A body without a length ends with the connection, which the deadline closed.
            raise self._late(asked)
        return ApiResponse(response.status_code, self._token.blot_out(content) if self._token else content)

    def _content(self, asked: str, response: httpx.Response) -> bytes:
        """Return the whole body, up to the size limit."""
        content = bytearray()
        if response.headers.get("content-encoding", "identity") != "identity":
            raise ControlPlaneError(f"{asked}: the answer is compressed, which is not supported", CHECK_ADDRESS)
        for chunk in response.iter_raw():
            content += chunk
            if len(content) > MAX_RESPONSE:
                raise ControlPlaneError(f"{asked}: the answer is over 16 MiB", CHECK_ADDRESS, unsure=True)
        return bytes(content)

    def _late(self, asked: str, *, unsure: bool = True) -> ControlPlaneError:
        return ControlPlaneError(
            f"{asked}: {self.url} did not answer within {self._timeout:g} s",
            "Check the health of the control plane, or set a longer time limit with --control-plane-timeout.",
            unsure=unsure,
        )

    def _lost(self, asked: str, error: Exception, *, has_answered: bool) -> ControlPlaneError:
        """Return the error for a missing or incomplete response."""
        if isinstance(error, httpx.ConnectError) and (refusal := explain_tls_failure(error)) is not None:
            return ControlPlaneError(
                f"{asked}: no TLS connection to {self.url}: {take_line(refusal)}",
                PLAIN_HTTP if speaks_plainly(error) else NOT_TRUSTED,
            )
        if isinstance(error, httpx.ConnectError):
            return ControlPlaneError(
                f"{asked}: can't connect to {self.url}: {take_line(flatten(error))}",
                choose_connection_hint(self.url),
                passing=True,
            )
        reason = "broke during the response" if has_answered else "broke before the response"
        return ControlPlaneError(
            f"{asked}: the connection to {self.url} {reason}: {take_line(flatten(error))}",
            "Check the health of the control plane.",
            passing=not has_answered,
            unsure=True,
        )

    def _unexpected(self, asked: str, response: ApiResponse) -> ControlPlaneError:
        words = response.summarize()
        said = f"{response.status} {httpx.codes.get_reason_phrase(response.status)}".strip()
        return ControlPlaneError(
            f"{asked}: {self.url} answers {said}" + (f": {words}" if words else ""),
            choose_hint(response, has_token=self._token is not None),
            status=response.status,
            passing=response.status in _PASSING,
            # After a server error, or a proxy's error, the write may have been done.
            unsure=not httpx.codes.is_client_error(response.status),
        )


def _read_offset(link: object) -> str:
    """Return the offset in the link to the next page, quoted for a URL; empty if there is none.

    Only the offset counts: behind a proxy, the control plane's own address may be another one. The link is not parsed
    as a URL, because it may not be one.
    """
    query = link.partition("?")[2].partition("#")[0] if isinstance(link, str) else ""
    return quote(parse_qs(query).get("offset", [""])[0], safe="", errors="replace")


def _path(key: Key) -> str:
    if {key.name, key.mesh} & {"", ".", ".."}:
        raise InvalidInputError("the name is not valid", [Problem(str(key), "no resource can have it")])
    return key.path
