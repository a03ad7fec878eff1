"""Read the prices of private CAs and certificates from ``pricing.json``, which names sources and dates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast, get_args

from toolkit.contract import UsageMode

_TABLES = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


def _read(table: str) -> Mapping[UsageMode, float]:
    return {cast("UsageMode", mode): _TABLES[table][mode] for mode in get_args(UsageMode)}


# US dollars for one certificate in the most expensive tier. The account that requests the certificate pays.
CERTIFICATE_PRICE = _read("certificate")
# US dollars a month for one CA.
AUTHORITY_PRICE = _read("certificateAuthorityPerMonth")


def describe_sources() -> str:
    """Return the sources and months of the prices, to be printed with a price."""
    tables = (_TABLES["certificateAuthorityPerMonth"], _TABLES["certificate"])
    authority, certificate = (f"{table['source']} of {table['asOf']}" for table in tables)
    return f"{authority}; certificates: {certificate}"
