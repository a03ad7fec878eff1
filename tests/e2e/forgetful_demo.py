"""Run ``toolkit`` with proxies that forget the CAs of the old world. A process of its own, as each has one sandbox."""

from __future__ import annotations

from toolkit import identity_demo
from toolkit.cli import main
from toolkit.verify.handshakes.trust_domains import SpiffeTrust

_read = identity_demo._read_trust


def _forget(*arguments: object) -> object:
    trust = _read(*arguments)  # type: ignore[arg-type]  # passed on as they are
    if not isinstance(trust, SpiffeTrust):
        return trust
    kept = {name: pem for name, pem in trust.bundles.items() if name != "default"}
    return SpiffeTrust(kept, trust.server_ids)


if __name__ == "__main__":
    identity_demo._read_trust = _forget  # type: ignore[assignment]  # the same arguments and results
    main()
