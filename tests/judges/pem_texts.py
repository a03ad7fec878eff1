"""PEM texts of two CA certificates, A and B, and the certificates that Go, OpenSSL and Envoy read in each.

Measured with Go 1.26, OpenSSL 3.0 and Envoy 1.40.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import NamedTuple

from tests.judges.authorities import Ca
from tests.judges.pem_edges import edges
from tests.judges.pem_parts import BEGIN, END, REJECTED, Parts, block, change_lines, wrap


class PemCase(NamedTuple):
    """A text, and the certificates that each program reads in it: a letter for each, in order.

    Attributes:
        name: its number and what is special in it.
        text: the PEM.
        go_reads: what Go's `AppendCertsFromPEM` takes.
        openssl_reads: what OpenSSL reads in a trust file.
        envoy_trusts: the CAs whose certificates Envoy accepts, or REJECTED if it doesn't start with the text.
    """

    name: str
    text: str
    go_reads: str
    openssl_reads: str
    envoy_trusts: str

    @property
    def go(self) -> int:
        return len(self.go_reads)

    @property
    def openssl(self) -> int:
        return len(self.openssl_reads)

    @property
    def envoy_loads(self) -> bool:
        return self.envoy_trusts != REJECTED

    @property
    def readable(self) -> bool:
        """Whether each program reads both certificates."""
        return {"A", "B"} == {*self.go_reads} == {*self.openssl_reads} == {*self.envoy_trusts}


def cases(first: bytes, second: bytes) -> list[PemCase]:
    """Return the texts for two CA certificates (DER).

    Raises:
        ValueError: the Base64 text of the first has no padding, or none of the characters `+` and `/`.
    """
    parts = Parts(first, second)
    if not parts.a_body.endswith("=") or not {"+", "/"} & {*parts.a_body}:
        raise ValueError("the first certificate has no padding to remove, or neither + nor /; take another one")
    return [PemCase(*row) for rows in (_recorded(parts), edges(parts)) for row in rows]


def authorities() -> tuple[Ca, Ca]:
    """Return an issuing CA and its root for `cases`."""
    while True:
        root = Ca("Root")
        issuing = Ca("Issuing", root)
        body = base64.b64encode(issuing.der).decode()
        if body.endswith("=") and {"+", "/"} & {*body}:
            return issuing, root


def _recorded(parts: Parts) -> Iterator[tuple[str, str, str, str, str]]:
    """The kinds of text whose readers were recorded on other certificates."""
    a, b, good, body = parts.a, parts.b, parts.good, parts.a_body
    yield "00_good", good, "AB", "AB", "AB"
    yield "01_glued", a.rstrip("\n") + b, "", "", REJECTED
    yield "02_trailing_blank", good.replace("\n", " \n"), "AB", "AB", "AB"
    yield "03_blank_after_begin_only", good.replace(BEGIN, f"{BEGIN} ", 1), "AB", "AB", "AB"
    # Go's pem.Decode reads the headers and returns A; AppendCertsFromPEM skips a block that has any.
    yield "04_headers", good.replace(BEGIN, f"{BEGIN}\nX: y\n", 1), "B", "", REJECTED
    yield "05_bom", "\ufeff" + good, "B", "AB", "B"
    yield "06_zwsp", "\u200b" + good, "B", "B", "B"
    yield "07_indented_all", change_lines(good, lambda line: f"  {line}"), "", "", REJECTED
    yield "08_indented_body", change_lines(good, lambda line: line if "-" in line else f"  {line}"), "AB", "AB", "AB"
    yield "09_empty_after_begin", good.replace(BEGIN, f"{BEGIN}\n", 1), "AB", "AB", "AB"
    yield "10_empty_middle", parts.with_line(2, ""), "AB", "", REJECTED
    yield "11_empty_before_end", good.replace(END, f"\n{END}", 1), "AB", "", REJECTED
    yield "12_one_long_line", block(body) + b, "AB", "AB", "AB"
    yield "13_76", block(wrap(body, 76)) + b, "AB", "AB", "AB"
    yield "14_cr_only", good.replace("\n", "\r"), "", "", REJECTED
    yield "15_crlf", good.replace("\n", "\r\n"), "AB", "AB", "AB"
    yield "16_no_final_nl", good.rstrip("\n"), "AB", "AB", "AB"
    yield "17_text_around", f"Certificate:\n  Data: x\n{a}\nfoo\n{b}bar\n", "AB", "AB", "AB"
    yield "18_trusted_label", block(wrap(body), "X509 CERTIFICATE") + b, "B", "AB", "AB"
    yield "19_nl_literal", good.replace("\n", "\\n"), "", "", REJECTED
    yield "20_folded", good.replace("\n", " "), "", "", REJECTED
    yield "21_blank_in_body", parts.with_inserted(20, " "), "AB", "AB", "AB"
    yield "22_nbsp_end", parts.with_inserted(64, "\u00a0"), "B", "AB", "AB"
    yield "23_text_after_end", good.replace(END, f"{END} # root", 1), "B", "", REJECTED
    yield "24_comment_inside", parts.with_line(1, "# c"), "B", "", REJECTED
    yield "25_dup", a + a + b, "AAB", "AAB", "AB"
    yield "26_4dash", good[1:], "B", "B", "B"
    yield "27_key_between", a + block("AAAA", "EC PRIVATE KEY") + b, "AB", "", REJECTED
    yield "28_trunc_last", a + b[: len(b) // 2], "A", "", REJECTED
    yield "29_no_padding", block(wrap(body.rstrip("="))) + b, "B", "", REJECTED
    yield "30_tab_end", good.replace("\n", "\t\n"), "AB", "AB", "AB"
    yield "31_text_same_line", f"x {good}", "B", "B", "B"
    yield "32_nul", f"{a}\0{b}", "A", "A", "A"
    yield "33_lower", good.replace(BEGIN, BEGIN.lower(), 1), "B", "B", "B"
    yield "34_long_text_line", "#" * 400 + f"\n{good}", "AB", "AB", "AB"
    yield "35_dash_text", f"-----\nhello\n{good}", "AB", "AB", "AB"
    yield "36_bom_second", f"{a}\ufeff{b}", "A", "AB", "A"
    yield "37_trail_garbage_der", block(wrap(base64.b64encode(parts.first + b"\0\0").decode(), 76)) + b, "B", "AB", "AB"
    yield "38_line300", block(wrap(body, 300)) + b, "AB", "AB", "AB"
