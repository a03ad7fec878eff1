"""Documents as text, through templates that no value can break out of.

The templates are plain jinja2 (``templates/``). Whatever they interpolate passes :func:`_encoded`, and what was
rendered is parsed again and compared with the model before it leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from toolkit.errors import InvalidInputError, Problem, ToolkitError, flatten
from toolkit.files import find_project_root
from toolkit.mesh.render.building import build
from toolkit.yamltext import scalars

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.contract import StackOutputs
    from toolkit.mesh.render.choices import MeshOptions
    from toolkit.mesh.schema.mesh import Form
    from toolkit.mesh.schema.secret import MeshSecret
    from toolkit.values import Object, Value


class UnfaithfulRenderingError(ToolkitError):
    """What was rendered is not what was modelled: a defect in a template. Nothing is written."""


@dataclass(frozen=True)
class RenderedMesh:
    """The documents of one mesh, each a YAML text that ends with a newline.

    Attributes:
        mesh: the Mesh.
        secrets: the Secrets that it names and whose values are known.
        mesh_has_credentials: whether the Mesh itself carries a credential.
        secrets_have_credentials: whether a Secret carries one.
        before: the text into which the Mesh was merged; empty where there was none.
    """

    mesh: str
    secrets: tuple[str, ...]
    mesh_has_credentials: bool = False
    secrets_have_credentials: bool = False
    before: str = ""


def render(outputs: StackOutputs, mesh: str, options: MeshOptions) -> RenderedMesh:
    """Render the documents of one mesh.

    Raises:
        InvalidInputError: an option is not valid; every problem is named.
        UnfaithfulRenderingError: the rendered text does not parse to the model.
    """
    built = build(outputs, mesh, options)
    document = render_document(f"{options.form}/mesh.yaml.j2", built.mesh.to_form(options.form))
    secrets = render_secrets(built.secrets, options.form)
    return RenderedMesh(document, secrets, built.mesh_has_credentials, built.secrets_have_credentials)


def render_secrets(secrets: Sequence[MeshSecret], form: Form) -> tuple[str, ...]:
    """Render Secrets, in their order.

    Raises:
        UnfaithfulRenderingError: a rendered text does not parse to its model.
    """
    return tuple(render_document(f"{form}/secret.yaml.j2", secret.to_form(form)) for secret in secrets)


def render_document(template: str, document: Object, **beside: object) -> str:
    """Render one YAML document.

    Args:
        template: its path below ``templates/``.
        document: what the text must say; the template sees its keys.
        beside: what the template sees besides, for its comments.

    Raises:
        InvalidInputError: a value can't stand in YAML.
        UnfaithfulRenderingError: the rendered text does not parse to the document.
    """
    try:
        text = _templates().get_template(template).render(beside | document)
        parsed = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError) as error:
        # YAML knows characters that no document can hold, such as most control characters.
        raise InvalidInputError("an option holds what YAML can't carry", [Problem("", flatten(error))]) from error
    if parsed != document:
        raise UnfaithfulRenderingError(
            f"{template} does not render what it was given", "This is a defect in the toolkit; nothing was written."
        )
    return text


def fill(template: str, **values: object) -> str:
    """Fill in a template that is no YAML: texts stand in it as they are.

    Args:
        template: its path below ``templates/``.
        values: texts, and mappings of texts; the caller sees to it that none of them can be anything but a value.
    """
    return _templates().get_template(template).render(_verbatim(values))


def join_documents(documents: Sequence[str]) -> str:
    """Several texts, each of one document or more, as one YAML stream in their order."""
    text = ""
    for document in documents:
        if text:
            text += "" if text.endswith(("\n", "\r")) else "\n"
            # Whoever wrote it may have begun it with a mark of its own, or with a directive.
            text += "" if document.startswith("---") else "...\n" if document.startswith("%") else "---\n"
        text += document
    return text


def _encoded(value: object) -> Markup:
    """What a template interpolates: lines that are YAML already as they are, anything else as one scalar."""
    return value if isinstance(value, Markup) else _as_it_is(scalars.write_scalar(value))


def _verbatim(value: object) -> Value:
    if isinstance(value, dict):
        return {key: _verbatim(inner) for key, inner in value.items()}
    return _as_it_is(value) if isinstance(value, str) else value


def _lines(value: Object, indent: int) -> Markup:
    """The filter for a mapping that stands below its key."""
    return _as_it_is(scalars.write_block(value, indent).removesuffix("\n"))


def _as_it_is(text: str) -> Markup:
    return Markup(text)  # noqa: S704 - encoded by the functions of scalars, or checked by the caller of fill


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(find_project_root() / "templates"),
        undefined=jinja2.StrictUndefined,
        finalize=_encoded,
        # With it the lines of a filter are Markup, and so can be told from values; _encoded leaves nothing to escape.
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["lines"] = _lines
    return environment
