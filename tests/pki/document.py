"""Write the table of rules into ``docs/reference/certificates.md``. A test compares the page with this table."""

from __future__ import annotations

from tests.documentation import Part
from toolkit.pki.authority import AWS, ENVOY, GO, KUMA, OPENSSL, RULES, STRICT

_PROGRAMS = (AWS, GO, OPENSSL, ENVOY, STRICT, KUMA)


def table() -> str:
    lines = ["| rule | what is wrong | refused by | what to do | source |", "| --- | --- | --- | --- | --- |"]
    for rule in RULES:
        programs = ", ".join(program for program in _PROGRAMS if program in rule.refused_by)
        lines.append(f"| `{rule.name}` | {rule.title} | {programs} | {rule.fix} | {rule.source} |")
    return "\n".join(lines)


PART = Part("reference/certificates.md", "<!-- rules: made by `make docs` -->", "<!-- end of rules -->", table)

if __name__ == "__main__":
    PART.write()
