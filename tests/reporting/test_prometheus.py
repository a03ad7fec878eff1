from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from toolkit.reporting.prometheus import Gauges


def read(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def test_gauges_come_in_their_order_and_none_without_a_sample() -> None:
    gauges = Gauges("a_", {"up": "Whether it runs.", "unused": "Never.", "seconds": "How long."})
    gauges.add("seconds", 0.25)
    gauges.add("up", value=True, zone="one")
    assert gauges.render() == (
        "# HELP a_up Whether it runs.\n# TYPE a_up gauge\n"
        'a_up{zone="one"} 1\n'
        "# HELP a_seconds How long.\n# TYPE a_seconds gauge\n"
        "a_seconds{} 0.25\n"
    )


def test_of_one_series_the_worse_value_stays() -> None:
    gauges = Gauges("a_", {"up": "Whether it runs.", "seconds": "How long."}, {"seconds"})
    for up, seconds in ((1, 2.0), (0, 9.5), (1, 1.0)):
        gauges.add("up", up, zone="one")
        gauges.add("seconds", seconds, zone="one")
    zone = frozenset({("zone", "one")})
    assert read(gauges.render()) == {("a_up", zone): 0, ("a_seconds", zone): 9.5}


def test_labels_are_read_back_as_they_were() -> None:
    gauges = Gauges("a_", {"up": "Whether it runs."})
    gauges.add("up", 1, zone='a"b\\n\n{}')
    assert read(gauges.render()) == {("a_up", frozenset({("zone", 'a"b\\n\n{}')})): 1}
