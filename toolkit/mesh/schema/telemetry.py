"""Backends for logs, traces and metrics of a Mesh, with the limits that a control plane checks.

Sources: kumahq/kuma:api/mesh/v1alpha1/{mesh,metrics}.proto and pkg/core/resources/apis/mesh/mesh_validator.go.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from toolkit.mesh.schema.model import PROTOBUF_ENUM, PROTOBUF_WRAPPER, Model

# In the order of their numbers.
TlsMode = Literal["activeMTLSBackend", "providedTLS", "disabled"]
Name = Annotated[str, Field(min_length=1)]
# kumahq/kuma:pkg/core/resources/apis/mesh/validators.go, ValidatePort
Port = Annotated[int, Field(ge=1, le=65535)]
# Kuma reads these ports as uint32 and checks nothing else.
Uint32 = Annotated[int, Field(ge=0, le=2**32 - 1)]


class ZipkinConf(Model):
    """Configuration of ``zipkin``; ``url`` must have a port."""

    url: Name
    trace_id128bit: bool | None = Field(None, alias="traceId128bit")
    api_version: Literal["", "httpJson", "httpJsonV1", "httpProto"] | None = None
    shared_span_context: bool | None = None


class DatadogConf(Model):
    """Configuration of ``datadog``."""

    address: Name
    port: Port
    split_service: bool | None = None


class _TracingBackend(Model):
    name: Name
    sampling: Annotated[float, Field(ge=0, le=100), PROTOBUF_WRAPPER] | None = None


class ZipkinBackend(_TracingBackend):
    """Traces go to Zipkin."""

    type: Literal["zipkin"]
    conf: ZipkinConf


class DatadogBackend(_TracingBackend):
    """Traces go to Datadog."""

    type: Literal["datadog"]
    conf: DatadogConf


class Tracing(Model):
    """Traces; superseded by MeshTrace."""

    default_backend: str | None = None
    backends: tuple[Annotated[ZipkinBackend | DatadogBackend, Field(discriminator="type")], ...] = ()


class FileConf(Model):
    """Configuration of ``file``."""

    path: Name


class TcpConf(Model):
    """Configuration of ``tcp``; ``address`` is ``HOST:PORT``."""

    address: Name


class _LoggingBackend(Model):
    name: Name
    format: str | None = None


class FileBackend(_LoggingBackend):
    """Access logs go to a file."""

    type: Literal["file"]
    conf: FileConf


class TcpBackend(_LoggingBackend):
    """Access logs go to a TCP service."""

    type: Literal["tcp"]
    conf: TcpConf


class Logging(Model):
    """Access logs; superseded by MeshAccessLog."""

    default_backend: str | None = None
    backends: tuple[Annotated[FileBackend | TcpBackend, Field(discriminator="type")], ...] = ()


class PrometheusTls(Model):
    """TLS of the endpoint that Prometheus scrapes."""

    mode: Annotated[TlsMode, PROTOBUF_ENUM] | None = None


class PrometheusEnvoy(Model):
    """The metrics of Envoy that the endpoint returns."""

    filter_regex: str | None = None
    used_only: Annotated[bool, PROTOBUF_WRAPPER] | None = None


class PrometheusAggregate(Model):
    """An application whose metrics the proxy also returns."""

    name: str | None = None
    port: Uint32 | None = None
    path: str | None = None
    enabled: Annotated[bool, PROTOBUF_WRAPPER] | None = None
    address: str | None = None


class PrometheusConf(Model):
    """Configuration of ``prometheus``; every field is optional."""

    port: Uint32 | None = None
    path: str | None = None
    tags: dict[str, str] | None = None
    skip_mtls: Annotated[bool, PROTOBUF_WRAPPER] | None = Field(None, alias="skipMTLS")
    aggregate: tuple[PrometheusAggregate, ...] = ()
    envoy: PrometheusEnvoy | None = None
    tls: PrometheusTls | None = None


class MetricsBackend(Model):
    """Prometheus collects metrics."""

    name: str | None = None
    type: Literal["prometheus"]
    conf: PrometheusConf | None = None


class Metrics(Model):
    """Metrics; superseded by MeshMetric."""

    enabled_backend: str | None = None
    backends: tuple[MetricsBackend, ...] = ()
