"""The Pulumi program: a private CA for Kong Mesh, the identities that may use it, and the contract."""

import sys
import warnings
from pathlib import Path

import pulumi

from toolkit.infra.reading import read_settings
from toolkit.infra.stack import MeshCertificates

# What a library says to developers is nothing to users.
if not sys.warnoptions:
    warnings.simplefilter("ignore")
settings = read_settings(pulumi.Config(), Path(__file__).parent)
certificates = MeshCertificates("mesh-certificates", settings)
for name, value in certificates.build_exports().items():
    pulumi.export(name, value)
