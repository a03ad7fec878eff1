"""Find AWS regions that botocore does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import botocore
from botocore.loaders import create_loader

from toolkit.text import suggest
from toolkit.values import Value

if TYPE_CHECKING:
    from toolkit.contract import StackOutputs


def list_unknown(outputs: StackOutputs) -> list[str]:
    """Return a warning for each zone whose region is in none of AWS's partitions. It may be newer than botocore."""
    # A session would also read the AWS configuration.
    loader: Value = create_loader()
    known = {region for each in loader.load_data("partitions")["partitions"] for region in each["regions"]}
    unknown = [zone for zone in outputs.zones if zone.region not in known]
    problem = f"is not a region that botocore {botocore.__version__} knows; if it is new, upgrade boto3."
    return [f"zone {zone.name}: {zone.region} {problem} {suggest(zone.region, known)}".rstrip() for zone in unknown]
