"""What private CAs and their certificates cost.

Sources: aws.amazon.com/private-ca/pricing of November 2026; for certificates AWS's price list of July 2025, of which
labofsahil/aws-pricing-dataset has a copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.contract import UsageMode

# US dollars for one certificate in the dearest tier: general purpose 1 to 1,000 a month, short-lived flat. The account
# that asks pays.
CERTIFICATE_PRICE: Mapping[UsageMode, float] = {"GENERAL_PURPOSE": 0.75, "SHORT_LIVED_CERTIFICATE": 0.058}
# US dollars a month for one CA, prorated.
AUTHORITY_PRICE: Mapping[UsageMode, int] = {"GENERAL_PURPOSE": 400, "SHORT_LIVED_CERTIFICATE": 50}
# For people, beside a price.
PRICES_FROM = "aws.amazon.com/private-ca/pricing of November 2026; certificates: AWS's price list of July 2025"
