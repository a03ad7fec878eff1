"""Write gauges in Prometheus' text format, for node_exporter's textfile collector."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field

from toolkit.text import replace_illegible


@dataclass(frozen=True)
class Gauges:
    """Samples by gauge and labels. Each series occurs once, because the collector rejects a file with duplicates.

    Attributes:
        prefix: prefix of all gauges' names.
        texts: the help text of each gauge, in the order of the document.
        worse_when_more: gauges for which a larger value is worse.
    """

    prefix: str
    texts: Mapping[str, str]
    worse_when_more: Container[str] = ()
    _samples: dict[str, dict[str, float]] = field(default_factory=dict)

    def add(self, gauge: str, value: float, **labels: str) -> None:
        """Add a sample. If the series exists (two names may be the same after escaping), keep the worse value."""
        series, key = self._samples.setdefault(gauge, {}), _labels(labels)
        worse = max if gauge in self.worse_when_more or labels.get("outcome", "passed") != "passed" else min
        series[key] = worse(series.get(key, value), value)

    def render(self) -> str:
        """Return the samples in text format 0.0.4, which the textfile collector reads."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        for gauge, text in self.texts.items():
            if series := self._samples.get(gauge):
                yield f"# HELP {self.prefix}{gauge} {text}"
                yield f"# TYPE {self.prefix}{gauge} gauge"
                yield from (f"{self.prefix}{gauge}{labels} {_number(value)}" for labels, value in series.items())


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    # The text format's three escapes; the backslash must be first.
    return replace_illegible(value).replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if math.isfinite(value) and value == int(value) else repr(float(value))
