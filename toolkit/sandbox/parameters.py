"""The parameters of an operation, and its result, as botocore's model of the service has them."""

from __future__ import annotations

from typing import Any

Params = dict[str, Any]
