"""Writes the tables of rules into ``docs/reference/lint.md``; a test compares the file with what this would write."""

from __future__ import annotations

from tests.documentation import Part, cell
from toolkit.mesh.lint import RULES

HEAD = "| code | severity | what is wrong | what comes of it | what to do | source |"
# By the first two digits of the codes.
TITLES = {
    "00": "Documents",
    "01": "Fields",
    "02": "Names and modes",
    "03": "Data sources",
    "04": "Secrets",
    "05": "Lifetimes and timeouts",
    "06": "The private CA",
    "07": "Chains",
    "08": "Members of chains",
    "09": "Common names",
    "10": "Credentials",
    "11": "Products and forms",
    "12": "Versions",
    "13": "The contract",
    "14": "Extensions of CAs",
    "15": "Names and numbers of CAs",
    "16": "Private keys",
    "17": "Telemetry and constraints",
    "18": "MeshIdentities",
    "19": "Providers of MeshIdentities",
    "20": "SPIFFE IDs",
    "21": "MeshTrusts",
    "22": "MeshTrafficPermissions",
}


def tables() -> str:
    """All rules, an area after the other."""
    lines = [f"{len(RULES)} rules; a code is never used for anything else again."]
    for area, title in TITLES.items():
        lines += ["", f"### {title}", "", HEAD, "| --- | --- | --- | --- | --- | --- |"]
        for code, rule in RULES.items():
            if code.removeprefix("MESH").startswith(area):
                texts = map(cell, (rule.title, rule.why, rule.fix, rule.source))
                lines.append(f"| {' | '.join((code, str(rule.severity), *texts))} |")
    return "\n".join(lines)


PART = Part("reference/lint.md", "<!-- rules: made by `make docs` -->", "<!-- end of rules -->", tables)

if __name__ == "__main__":
    PART.write()
