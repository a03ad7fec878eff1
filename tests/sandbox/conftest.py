"""Record the requests that reach moto."""

from __future__ import annotations

from typing import Any

import pytest

from toolkit.sandbox.gateway.moto_services import ListedServices


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that reach moto."""
    seen: list[str] = []
    answer = ListedServices.__call__

    def watched(self: ListedServices, environ: dict[str, Any], start_response: Any) -> Any:
        seen.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        return answer(self, environ, start_response)

    monkeypatch.setattr(ListedServices, "__call__", watched)
    return seen
