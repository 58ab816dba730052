"""Foreign text in each language that we write: shown, never acted on."""

from __future__ import annotations

import csv
import html
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from arcadia_cloud_pipelines.common import foreign_text

HOSTILE = [
    "![](/graphql?query=mutation%7BlaunchRun%7D)",
    "[click](javascript:alert(1))",
    "<img src=/graphql?query=mutation>",
    "<javascript:alert(1)>",
    "https://evil.example/x",
    "see www.evil.example",
    "a@evil.example",
    "`code` and ``more`",
    "| a | b |\n| - | - |",
    "# head",
    "1. list",
    "- list",
    "*bold* _it_ __x__ ~~y~~",
    "&lt;b&gt; &#x41;",
    "[x]: /y",
    "\x1b]0;title\x07\x1b[2J",
    "\x9b31mred",
    "safe\u202egnp.exe",
    "zero\u200bwidth\ufeff\u00ad\u2060",
    "line\u2028sep\u2029arator\x85",
    "half \ud800",
    "tag\U000e0041\u3164",
    "a\r\nINFO forged line",
    "[red]x[/red] [link=https://evil.example]y[/link] :boom:",
    "=cmd|' /C calc'!A0",
    "@SUM(1)",
    "+1+cmd",
    "-2+3",
    "\t=1",
    "<!channel> <@U1> <https://evil.example|x> @everyone @here",
    "$\\frac{1}{0}$ $5",
    "_hidden",
    "   ",
    "` `",
    "",
]
texts = st.one_of(st.sampled_from(HOSTILE), st.text(), st.text("`[]()!<>*_~#-+.:/w@|\\& \n1a"))


@given(text=texts)
def test_a_line_has_nothing_that_cannot_be_seen(text: str) -> None:
    shown = foreign_text.line(text)
    assert {unicodedata.category(letter) for letter in shown}.isdisjoint(
        {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    )
    assert len(shown.splitlines()) <= 1
    shown.encode()


@pytest.mark.parametrize("text", ["web-1", "Zürich größe", "日本語", "naïve – “x”", "a\\b", "🚀"])
def test_what_can_be_seen_stays_as_it_is(text: str) -> None:
    assert foreign_text.line(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x9b1m", r"\x9b1m"),
        ("\u202ex", r"\u202ex"),
        ("\U000e0041", r"\U000e0041"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_cannot_be_seen_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert foreign_text.line(text) == shown


def test_several_lines_of_ours_keep_their_breaks_and_nothing_else() -> None:
    assert foreign_text.lines("a\x1b\nb\r") == "a\\x1b\nb\\r"


def _inline(text: str) -> list[tuple[str, str]]:
    """What a Markdown renderer makes of it: the kind and content of each piece."""
    found = []
    for block in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text):
        if block.type == "inline":
            found += [(piece.type, piece.content) for piece in block.children or ()]
        elif block.type not in ("paragraph_open", "paragraph_close"):
            found.append((block.type, ""))
    return found


@given(text=texts)
def test_markdown_shows_the_text_and_knows_no_syntax_in_it(text: str) -> None:
    rendered = _inline(foreign_text.markdown(text))
    assert {kind for kind, _ in rendered} <= {"text", "code_inline"}
    for kind, content in rendered:
        # Renderers make links of addresses in bare text, after they have taken escapes away.
        if kind == "text":
            assert "://" not in content
            assert "www." not in content.lower()
            assert "@" not in content
    line = foreign_text.line(text)
    assert "".join(content for _, content in rendered).strip() == line.strip()


@given(name=texts)
def test_markdown_holds_in_a_sentence_of_ours(name: str) -> None:
    rendered = _inline(
        f"2 projects have no tenant or no purpose: {foreign_text.markdown(name)} (no tenant)."
    )
    assert {kind for kind, _ in rendered} <= {"text", "code_inline"}


def test_plain_names_stay_plain_in_markdown() -> None:
    for text in ("web-1", "size_slug", "web 1.example.com (fra1)", "GET /v2/droplets: 403"):
        assert foreign_text.markdown(text) == text


@given(text=texts)
def test_a_spreadsheet_computes_nothing(text: str) -> None:
    out = io.StringIO()
    csv.writer(out).writerow([foreign_text.csv_cell(text), "end"])
    (row,) = csv.reader(io.StringIO(out.getvalue(), newline=""))
    assert row[1] == "end"
    assert not row[0].lstrip().startswith(("=", "+", "-", "@")) or _is_number(row[0])
    assert not row[0].startswith(("\t", "\r"))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("text", ["-5.00", "+1", "-1e5", "12", 'a, "b"\nc'])
def test_numbers_and_texts_are_the_same_in_csv(text: str) -> None:
    assert foreign_text.csv_cell(text) == text


@pytest.mark.parametrize("text", ["$a$", r"$\frac{", r"\$x$", "_hidden", "€ 5", r"a\b"])
def test_a_plot_shows_the_text(text: str) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    (drawn,) = axes.plot([1], label=foreign_text.plot(text))
    legend = axes.legend()
    assert len(legend.get_texts()) == 1
    shown, is_math = legend.get_texts()[0]._preprocess_math(drawn.get_label())
    assert (shown.strip(), is_math) == (text, False)
    canvas.draw()


@given(text=texts)
def test_markup_shows_the_text_and_begins_no_element(text: str) -> None:
    shown = foreign_text.markup(text)
    assert not set(shown) & set("<>\"'\n")
    assert html.unescape(shown) == foreign_text.line(text)
