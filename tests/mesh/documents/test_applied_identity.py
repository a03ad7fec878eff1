"""MeshIdentities and MeshTrusts as they were applied: what is read, what decides, and what is wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mesh.documents.applied_documents import (
    ARN,
    CHAIN,
    FORMS,
    changed,
    choose,
    chosen,
    identity,
    mesh,
    scoped,
    trust,
)
from toolkit.errors import InvalidInputError
from toolkit.mesh.documents.applied import Applied

if TYPE_CHECKING:
    from toolkit.mesh.schema.mesh import Form


@pytest.mark.parametrize("form", FORMS)
def test_what_stands_in_it_is_read(form: Form) -> None:
    document = identity(form=form, certificateParameters={"expiry": "36h30m"}, meshTrustCreation="Disabled")
    document["spec"]["spiffeID"] = {"trustDomain": "a.example", "path": "/p"}
    found = chosen(document, trust("a.example", CHAIN, form=form), trust("b.example", CHAIN, CHAIN, form=form))
    assert (found.name, found.mesh, found.form, found.authority_arn) == ("issue", "default", form, ARN)
    assert (found.trust_domain, found.path) == ("a.example", "/p")
    assert (found.lifetime, found.creates_trust) == (timedelta(hours=36, minutes=30), False)
    assert found.bundles == {"a.example": CHAIN, "b.example": f"{CHAIN}\n{CHAIN}"}


def test_defaults_are_those_of_kong_mesh() -> None:
    found = chosen(identity())
    assert (found.trust_domain, found.path, found.bundles) == (None, None, {})
    assert (found.lifetime, found.creates_trust) == (timedelta(hours=24), True)


def test_meshtrusts_of_one_trust_domain_are_joined_and_those_of_other_meshes_left_out() -> None:
    other = scoped("MeshTrust", "o", {"trustDomain": "o", "caBundles": []}, mesh="other")
    found = chosen(identity(), trust("a", CHAIN, name="one"), other, trust("a", CHAIN, name="two"))
    assert found.bundles == {"a": f"{CHAIN}\n{CHAIN}"}


def test_which_document_decides() -> None:
    publishing = scoped("MeshIdentity", "publish", {"selector": {}})
    assert isinstance(choose(mesh()), Applied)
    # A MeshIdentity without provider issues nothing.
    assert isinstance(choose(mesh(), publishing), Applied)
    assert chosen(publishing, identity()).name == "issue"
    # Nothing of AWS Private CA issues in this Mesh any more.
    assert chosen(mesh(enabled="own"), identity()).name == "issue"
    assert chosen(mesh(enabled=""), identity()).name == "issue"
    # Names decide.
    assert chosen(mesh(), identity(), identity("b"), identity="b").name == "b"
    assert isinstance(choose(mesh(), identity(), backend="acm"), Applied)
    assert isinstance(choose(mesh(enabled="own"), identity(), backend="acm"), Applied)
    # A mesh's name leaves out those of others.
    others = (mesh("other"), identity("o", mesh="other"))
    assert chosen(identity(), *others, mesh="default").name == "issue"
    assert isinstance(choose(mesh("default"), identity("o", mesh="other"), mesh="default"), Applied)


def test_two_issuers_are_rejected_with_both_names_and_the_options() -> None:
    with pytest.raises(InvalidInputError) as caught:
        choose(mesh(), identity())
    assert "Mesh default with the enabled backend acm, MeshIdentity issue of mesh default" in str(caught.value)
    assert "--identity-name NAME" in caught.value.hint
    assert "--backend-name NAME" in caught.value.hint
    with pytest.raises(InvalidInputError) as caught:
        choose(identity("a"), identity("b"))
    assert "MeshIdentity a of mesh default, MeshIdentity b of mesh default" in str(caught.value)
    assert "--backend-name" not in caught.value.hint


CONFIG = ("spec", "provider", "extension", "config")
VALUE = ("spec", "caBundles", 0, "pem", "value")


@pytest.mark.parametrize(
    ("documents", "words"),
    [
        ([changed((*CONFIG, "arn"), 5)], "config.arn"),
        ([changed((*CONFIG, "certificateParameters"), {"expiry": "1d"})], "is not a duration of Go"),
        ([changed((*CONFIG, "certificateParameters"), {"expiry": "-1h"})], "must be more than 0s"),
        ([changed((*CONFIG, "certificateParameters"), {"expiry": 24})], "is not a text"),
        ([changed((*CONFIG, "meshTrustCreation"), "On")], "must be one of Enabled, Disabled"),
        ([changed(("spec", "spiffeID", "path"), ["/"])], "spec.spiffeID.path"),
        ([changed(("name",), None)], "is missing or is not a text"),
        ([changed(("mesh",), "")], "is missing or is not a text"),
        ([identity(), trust("a", name="t")], "caBundles"),
        ([identity(), trust("", CHAIN)], "trustDomain"),
        ([identity(), trust("a", "no certificate")], "caBundles"),
        ([identity(), changed(VALUE, None, trust("a", CHAIN))], "pem.value"),
        ([changed(("spec", "provider"), {"type": "Spire", "spire": {}})], "is not the extension acmpca"),
        ([changed(("spec", "provider"), None)], "is not the extension acmpca"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(documents: list[object], words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        choose(*documents)
    said = "\n".join(caught.value.lines())
    assert words in said
    assert "x.yaml:" in said


def test_a_name_that_does_not_fit() -> None:
    with pytest.raises(InvalidInputError, match=r"no MeshIdentity 'nope'.* MeshIdentities: issue"):
        choose(identity(), identity="nope")
    with pytest.raises(InvalidInputError, match="more than once"):
        choose(identity(), identity(mesh="other"), identity="issue")
    with pytest.raises(InvalidInputError) as caught:
        choose(scoped("MeshIdentity", "a", {}), identity="a")
    assert "is not the extension acmpca" in str(caught.value.problems[0])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["acmpca", "Extension", ARN]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["provider", "extension", "config", "arn", "type", "name"]), inner, max_size=3
        )
    ),
)


@given(VALUES, VALUES, VALUES)
def test_whatever_is_there_is_read_or_rejected(spec: object, config: object, bundles: object) -> None:
    wrong = [
        scoped("MeshIdentity", "a", spec),
        changed(CONFIG, config),
        scoped("MeshTrust", "t", {"trustDomain": "a", "caBundles": bundles}),
    ]
    try:
        choose(*wrong)
    except InvalidInputError as error:
        assert error.lines()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["a\nError: b", "\x1b[2J", "\u202e", "A", "a_b", "-", "x" * 254])
def test_names_that_no_resource_has(form: Form, name: str) -> None:
    document = identity(form=form)
    (document if form == "universal" else document["metadata"])["name"] = name
    with pytest.raises(InvalidInputError, match="can't be used") as caught:
        chosen(document)
    assert len(caught.value.lines()) == 2
    assert all(map(str.isprintable, caught.value.lines()))
    assert "DNS-1123" in caught.value.lines()[1]
    # An error with several names keeps its lines.
    with pytest.raises(InvalidInputError, match="several documents issue") as caught:
        chosen(document, identity(form=form))
    assert caught.value.message.isprintable()
