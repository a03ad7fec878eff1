"""What the control plane of each zone needs, as values of the release chart or as an environment."""

from toolkit.zones.rendering import (
    ROLE_ANNOTATION,
    chart_values,
    checked_address,
    choose,
    environment,
    notes,
    read_environment,
    refuse_namespace,
    render_environment,
    render_values,
)
from toolkit.zones.values_file import Merged, merge

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
    "refuse_namespace",
    "render_environment",
    "render_values",
]
