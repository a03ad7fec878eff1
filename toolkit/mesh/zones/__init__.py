"""What the control plane of each zone needs, as values of the release chart or as an environment."""

from toolkit.mesh.zones.merging import Merged, merge
from toolkit.mesh.zones.rendering import (
    ROLE_ANNOTATION,
    chart_values,
    checked_address,
    choose,
    environment,
    notes,
    read_environment,
    render_environment,
    render_values,
)

__all__ = [
    "ROLE_ANNOTATION",
    "Merged",
    "chart_values",
    "checked_address",
    "choose",
    "environment",
    "merge",
    "notes",
    "read_environment",
    "render_environment",
    "render_values",
]
