from __future__ import annotations

from tests.verify.report import samples
from toolkit.verify.report.table import TableForm


def test_what_a_zone_bought_that_did_not_pass_is_named() -> None:
    report = samples.mixed()
    text = TableForm().render(report)
    passed, refused, untrusted, _ = report.zones
    assert f"  bought, revoked  {untrusted.bought[0]}\n" in text
    assert passed.bought[0] not in text
    assert not refused.bought
    assert f"  bought  {passed.bought[0]}\n" in TableForm(wide=True).render(report)
