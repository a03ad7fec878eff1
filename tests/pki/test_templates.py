from __future__ import annotations

import pytest

from toolkit.pki import templates


def test_templates() -> None:
    assert (
        templates.build_arn(templates.END_ENTITY, "aws-cn") == "arn:aws-cn:acm-pca:::template/EndEntityCertificate/V1"
    )
    assert templates.name_subordinate_ca(3) == "SubordinateCACertificate_PathLen3/V1"
    for length in (-1, 4):
        with pytest.raises(ValueError, match="path lengths 0 to 3"):
            templates.name_subordinate_ca(length)
