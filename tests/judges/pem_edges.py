"""PEM texts that are likely to split their readers."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.judges.pem_parts import BEGIN, END, REJECTED, Parts, block, change_lines, wrap
from tests.support import NOW, name, request_pem

_HEADERS = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n"
Row = tuple[str, str, str, str, str]


def edges(parts: Parts) -> Iterator[Row]:
    yield from _lines_of_the_block(parts)
    yield from _characters(parts)
    yield from _base64(parts)
    yield from _text(parts)
    yield from _other_blocks(parts)
    yield from _pasted(parts)


def _lines_of_the_block(parts: Parts) -> Iterator[Row]:
    a, b, good, body = parts.a, parts.b, parts.good, parts.a_body
    yield "39_empty_after_begin_76", block(f"\n{wrap(body, 76)}") + b, "AB", "", "AB"
    yield "40_empty_after_begin_one_line", block(f"\n{body}") + b, "AB", "", "AB"
    yield "41_two_empty_after_begin", block(f"\n\n{wrap(body)}") + b, "AB", "", "AB"
    yield "42_blank_line_after_begin", block(f"  \n{wrap(body)}") + b, "AB", "AB", "AB"
    yield "43_blank_line_in_middle", parts.with_line(2, "  "), "AB", "", REJECTED
    yield "44_blank_line_before_end", good.replace(END, f"  \n{END}", 1), "AB", "", REJECTED
    yield "45_blank_before_begin", f" {good}", "B", "B", "B"
    yield "46_blank_before_begin_second", f"{a} {b}", "A", "A", "A"
    yield "47_tab_before_end", good.replace(END, f"\t{END}", 1), "B", "A", REJECTED
    yield "48_begin_without_end", f"{BEGIN}\n{wrap(body)}\n{good}", "AB", "AB", REJECTED
    yield "49_two_begins", f"{BEGIN}\n{good}", "AB", "", REJECTED
    yield "50_end_alone", f"{END}\n{good}", "AB", "AB", "AB"
    yield "51_other_label_at_end", good.replace(END, "-----END X509 CERTIFICATE-----", 1), "B", "", REJECTED
    yield "52_lower_end", good.replace(END, END.lower(), 1), "B", "A", REJECTED
    yield "53_base64_on_begin_line", good.replace(f"{BEGIN}\n", BEGIN, 1), "B", "B", "B"
    yield "54_base64_on_end_line", good.replace(f"\n{END}", END, 1), "B", "A", REJECTED
    yield "55_six_dashes", good.replace(BEGIN, f"-{BEGIN}-", 1).replace(END, f"-{END}-", 1), "B", "B", "B"
    yield "56_begin_nbsp", good.replace(BEGIN, f"{BEGIN}\u00a0", 1), "B", "AB", "AB"
    yield "57_two_blanks_in_label", good.replace("BEGIN C", "BEGIN  C", 1).replace("END C", "END  C", 1), "B", "B", "B"
    yield "58_quoted", f'"{good.rstrip()}"\n', "", "", REJECTED


def _characters(parts: Parts) -> Iterator[Row]:
    a, b, good = parts.a, parts.b, parts.good
    yield "59_cr_in_line", parts.with_inserted(20, "\r"), "AB", "AB", "AB"
    yield "60_vertical_tab_end", parts.with_inserted(64, "\v"), "B", "AB", "AB"
    yield "61_form_feed_end", parts.with_inserted(64, "\f"), "B", "AB", "AB"
    yield "62_form_feed_between", f"{a}\f\n{b}", "AB", "AB", "AB"
    yield "63_line_separator_end", parts.with_inserted(64, "\u2028"), "B", "AB", "AB"
    yield "64_soft_hyphen", parts.with_inserted(20, "\u00ad"), "B", "", REJECTED
    yield "65_zwsp_end", parts.with_inserted(64, "\u200b"), "B", "AB", "AB"
    yield "66_bom_in_body", parts.with_inserted(0, "\ufeff"), "B", "", REJECTED
    yield "67_nul_in_body", parts.with_inserted(64, "\0"), "B", "AB", "AB"
    yield "68_backslash_end", parts.with_inserted(64, "\\"), "B", "", REJECTED
    yield "69_crlf_then_lf", a.replace("\n", "\r\n") + b, "AB", "AB", "AB"
    yield "70_cr_cr_lf", good.replace("\n", "\r\r\n"), "", "AB", "AB"


def _base64(parts: Parts) -> Iterator[Row]:
    b, good, body = parts.b, parts.good, parts.a_body
    yield "71_line252", block(wrap(body, 252)) + b, "AB", "AB", "AB"
    yield "72_line253", block(wrap(body, 253)) + b, "AB", "AB", REJECTED
    yield "73_line254", block(wrap(body, 254)) + b, "AB", "AB", "AB"
    yield "74_line255", block(wrap(body, 255)) + b, "AB", "AB", "AB"
    yield "75_line256", block(wrap(body, 256)) + b, "AB", "AB", "AB"
    yield "76_line1", block(wrap(body, 1)) + b, "AB", "AB", "AB"
    yield "77_line63", block(wrap(body, 63)) + b, "AB", "AB", "AB"
    yield "78_lines_get_longer", block(f"{body[:60]}\n{body[60:160]}\n{body[160:]}") + b, "AB", "AB", "AB"
    yield "79_254_with_empty_after_begin", block(f"\n{wrap(body, 254)}") + b, "AB", "", "AB"
    yield "80_padding_in_middle", parts.with_inserted(20, "="), "B", "", REJECTED
    yield "81_padding_at_line_end", parts.with_inserted(64, "=="), "B", "", REJECTED
    yield "82_too_much_padding", block(wrap(f"{body}=")) + b, "B", "", REJECTED
    yield "83_url_safe", block(wrap(body.replace("+", "-").replace("/", "_"))) + b, "B", "", REJECTED
    yield "84_no_body", block("") + good, "AB", "", REJECTED


def _text(parts: Parts) -> Iterator[Row]:
    a, b, good = parts.a, parts.b, parts.good
    yield "85_text253", "#" * 253 + f"\n{good}", "AB", "AB", "AB"
    yield "86_text254", "#" * 254 + f"\n{good}", "AB", "AB", "AB"
    yield "87_text255", "#" * 255 + f"\n{good}", "AB", "AB", "AB"
    yield "88_text256", "#" * 256 + f"\n{good}", "AB", "AB", "AB"
    yield "89_text509", "#" * 509 + f"\n{good}", "AB", "AB", "AB"
    yield "90_text253_on_begin_line", "#" * 253 + good, "B", "B", "AB"
    yield "91_text254_on_begin_line", "#" * 254 + good, "B", "AB", "B"
    yield "92_text506_on_begin_line", "#" * 506 + good, "B", "B", "AB"
    yield "93_text508_on_begin_line", "#" * 508 + good, "B", "AB", "B"
    yield "94_nul_in_comment", f"{a}# \0 root\n{b}", "AB", "AB", "AB"
    yield "95_begin_in_comment", f"# see {BEGIN} below\n{good}", "AB", "AB", "AB"
    yield "96_begin_and_words", f"{BEGIN} of the root\n{good}", "AB", "AB", "AB"
    yield "97_dashes_between", f"{a}-----\n{b}", "AB", "AB", "AB"
    yield "98_text_without_line_end", f"{good}# end", "AB", "AB", "AB"
    yield "99_70_kB_line", "#" * 70_000 + f"\n{good}", "AB", "AB", "AB"
    yield "100_70_kB_of_lines", "# comment\n" * 7_000 + good, "AB", "AB", "AB"
    yield "101_blank_lines_between", f"{a}  \n\t\n \r\n{b}", "AB", "AB", "AB"
    yield "102_text_ends_in_backslash", f"{a}root \\\n{b}", "AB", "AB", "AB"


def _other_blocks(parts: Parts) -> Iterator[Row]:
    a, b, good, body = parts.a, parts.b, parts.good, parts.a_body
    key = ec.generate_private_key(ec.SECP256R1())
    plain, pkcs8 = serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8
    without = serialization.NoEncryption()
    yield "103_colon_first_line", block(f"Subject: A\n{wrap(body)}") + b, "B", "", REJECTED
    yield "104_proc_type", block(f"{_HEADERS}\n{wrap(body)}") + b, "B", "", REJECTED
    yield "105_request", a + request_pem() + b, "AB", "AB", "AB"
    yield "106_crl", a + _crl(key) + b, "AB", "AB", ""
    yield "107_ec_key", a + key.private_bytes(serialization.Encoding.PEM, plain, without).decode() + b, "AB", "AB", "AB"
    yield (
        "108_pkcs8_key",
        a + key.private_bytes(serialization.Encoding.PEM, pkcs8, without).decode() + b,
        "AB",
        "AB",
        "AB",
    )
    yield "109_trusted_certificate", block(wrap(body), "TRUSTED CERTIFICATE") + b, "B", "AB", "AB"
    yield "110_unknown_block", a + block("AAAA", "NOTE") + b, "AB", "AB", "AB"
    yield "111_unknown_block_no_base64", a + block("????", "NOTE") + b, "AB", "", REJECTED
    yield "112_no_certificate", block("AAAA") + good, "AB", "", REJECTED


def _pasted(parts: Parts) -> Iterator[Row]:
    """Return what copies, templates and environment variables make of a text."""
    a, b, good, body = parts.a, parts.b, parts.good, parts.a_body
    yield "113_begin_without_end_then_other", f"{BEGIN}\n{wrap(body)}\n{b}", "B", "A", REJECTED
    yield "114_folded_each", a.replace("\n", " ") + "\n" + b.replace("\n", " ") + "\n", "", "", REJECTED
    yield "115_indented_second", a + change_lines(b, lambda line: f"  {line}"), "A", "A", "A"
    yield (
        "116_tabs_before_body",
        change_lines(good, lambda line: line if "-" in line else f"\t{line}"),
        "AB",
        "AB",
        "AB",
    )
    yield "117_quoted_mail", change_lines(good, lambda line: f"> {line}"), "", "", REJECTED
    yield "118_base64_twice", base64.b64encode(good.encode()).decode(), "", "", REJECTED
    yield "119_no_markers", f"{wrap(body)}\n", "", "", REJECTED
    yield "120_nbsp_in_label", good.replace(BEGIN, BEGIN.replace(" ", "\u00a0"), 1), "B", "B", "B"
    yield "121_en_dash", good.replace("--", "\u2013", 1), "B", "B", "B"
    yield "122_glued_by_blank", a.rstrip("\n") + f" {b}", "", "", REJECTED
    yield "123_only_first", a, "A", "A", "A"
    yield "124_only_second", b, "B", "B", "B"
    yield "125_root_first", b + a, "BA", "BA", "AB"


def _crl(key: ec.EllipticCurvePrivateKey) -> str:
    builder = x509.CertificateRevocationListBuilder().issuer_name(name("A")).last_update(NOW)
    crl = builder.next_update(NOW + timedelta(days=1)).sign(key, hashes.SHA256())
    return crl.public_bytes(serialization.Encoding.PEM).decode()
