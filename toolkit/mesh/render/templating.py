"""Render documents as text through templates. No value can change the structure of a document.

The templates are plain jinja2 (``templates/``). Every interpolated value passes :func:`_encoded`. The rendered text is
parsed again and compared with the model before it is returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import jinja2
from markupsafe import Markup
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from toolkit.errors import InvalidInputError, Problem, ToolkitError, flatten
from toolkit.files import find_project_root
from toolkit.mesh.render.building import MeshOptions, build
from toolkit.values import Object, Value
from toolkit.yamltext import scalars

if TYPE_CHECKING:
    from toolkit.contract import StackOutputs
    from toolkit.mesh.schema.mesh import Form
    from toolkit.mesh.schema.secret import MeshSecret


class UnfaithfulRenderingError(ToolkitError):
    """The rendered text differs from the model: a defect in a template. Nothing is written."""


class RenderedMesh(NamedTuple):
    """The documents of one mesh, each a YAML text that ends with a newline.

    Attributes:
        mesh: the Mesh.
        secrets: the Secrets that it names and whose values are known.
        mesh_has_credentials: whether the Mesh itself contains a credential.
        secrets_have_credentials: whether a Secret contains one.
        before: the text into which the Mesh was merged; empty without a base.
    """

    mesh: str
    secrets: tuple[str, ...]
    mesh_has_credentials: bool = False
    secrets_have_credentials: bool = False
    before: str = ""


def render(outputs: StackOutputs, mesh: str, options: MeshOptions) -> RenderedMesh:
    """Render the documents of one mesh.

    Raises:
        InvalidInputError: an option is invalid; every problem is named.
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
        document: the expected content; its keys are variables of the template.
        beside: further variables of the template, for its comments.

    Raises:
        InvalidInputError: YAML can't represent a value.
        UnfaithfulRenderingError: the rendered text does not parse to the document.
    """
    try:
        text = _templates().get_template(template).render(beside | document)
        parsed = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError) as error:
        # YAML forbids some characters, such as most control characters.
        raise InvalidInputError(
            "an option contains a character that YAML forbids", [Problem("", flatten(error))]
        ) from error
    if parsed != document:
        raise UnfaithfulRenderingError(
            f"{template} does not render what it was given", "This is a defect in the toolkit; nothing was written."
        )
    return text


def fill(template: str, **values: object) -> str:
    """Fill in a template that is not YAML. Texts are inserted without encoding.

    Args:
        template: its path below ``templates/``.
        values: texts, and mappings of texts; the caller ensures that they can't change the structure of the text.
    """
    return _templates().get_template(template).render(_verbatim(values))


def join_documents(documents: Sequence[str]) -> str:
    """Return several texts, each of one document or more, as one YAML stream in the same order."""
    text = ""
    for document in documents:
        if text:
            text += "" if text.endswith(("\n", "\r")) else "\n"
            # The text may begin with its own separator, or with a directive.
            text += "" if document.startswith("---") else "...\n" if document.startswith("%") else "---\n"
        text += document
    return text


def _encoded(value: object) -> Markup:
    """Return an interpolated value as YAML: rendered lines unchanged, anything else as one scalar."""
    return value if isinstance(value, Markup) else _as_it_is(scalars.write_scalar(value))


def _verbatim(value: object) -> Value:
    if isinstance(value, dict):
        return {key: _verbatim(inner) for key, inner in value.items()}
    return _as_it_is(value) if isinstance(value, str) else value


def _lines(value: Object, indent: int) -> Markup:
    """Return a mapping as lines below its key; a filter of the templates."""
    return _as_it_is(scalars.write_block(value, indent).removesuffix("\n"))


def _as_it_is(text: str) -> Markup:
    return Markup(text)  # noqa: S704 - encoded by the functions of scalars, or checked by the caller of fill


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(find_project_root() / "templates"),
        undefined=jinja2.StrictUndefined,
        finalize=_encoded,
        # With autoescape a filter's lines are Markup, which tells them from values. _encoded leaves nothing to escape.
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # A command renders a template once, so to optimize it takes longer than it saves.
        optimized=False,
    )
    environment.filters["lines"] = _lines
    return environment
