"""Records the calls that the sandbox gets, whatever goes wrong with them on purpose."""

from __future__ import annotations

from collections.abc import Callable

from toolkit.sandbox.faults import Call, FaultPlan, Faults


class Recorder(Faults):
    """Applies a plan, and keeps every call to AWS Private CA and STS.

    Args:
        plan: what goes wrong.
        before: is called with each call before it is answered; may raise an AwsError.

    Attributes:
        calls: all of them, in order.
    """

    def __init__(self, plan: FaultPlan | None = None, before: Callable[[Call], object] | None = None) -> None:
        super().__init__(plan)
        self.calls: list[Call] = []
        self._before = before

    def apply(self, call: Call) -> None:
        self.calls.append(call)
        if self._before:
            self._before(call)
        super().apply(call)

    def operations(self, role: str | None = None) -> list[str]:
        """Return the operations in order: a role's, or everybody's."""
        return [call.operation for call in self.calls if role in (None, call.role)]
