from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest

from toolkit.verify.regions import list_unknown

if TYPE_CHECKING:
    from toolkit.contract import StackOutputs


def test_a_region_that_does_not_exist(outputs: StackOutputs) -> None:
    assert list_unknown(outputs) == []
    zone = outputs.zones[0].model_copy(update={"name": "ireland-1", "region": "eu-wst-1"})
    (warning,) = list_unknown(outputs.model_copy(update={"zones": (zone, *outputs.zones[1:])}))
    assert warning.startswith("zone ireland-1: eu-wst-1 is not a region that botocore ")
    assert warning.endswith("Did you mean eu-west-1?")


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_every_region_of_aws_is_known(outputs: StackOutputs, partition: str) -> None:
    regions = boto3.session.Session().get_available_regions("sts", partition)
    zones = tuple(outputs.zones[0].model_copy(update={"region": region}) for region in regions)
    assert zones
    assert list_unknown(outputs.model_copy(update={"zones": zones})) == []
