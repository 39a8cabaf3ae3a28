"""The template check finds what it is for, lets good templates pass, and the project's templates are clean."""

from __future__ import annotations

from pathlib import Path

import check_templates
import pytest
import source

GOOD = """
{% extends "base.html" %}
{% block content %}
<form id="cell-{{ cell.id }}" method="post" action="{{ url_for('scores.save', cell=cell.id) }}"
      hx-post="{{ url_for('scores.save', cell=cell.id) }}" {% if cell.late %}data-late{% endif %}>
  {{ form.csrf_token }}
  <input name="value" value="{{ cell.value or '' }}" {% if not cell.can_edit %}disabled{% endif %}>
</form>
<form action="/tim" method="get"><input name="q"></form>
{% if a %}<p id="answer">{{ "<b id='answer'>" }}</p>{% else %}<p id="answer"></p>{% endif %}
{# <p id="answer" style="x" onclick="y"> #}
<script src="{{ url_for('static', filename='js/grid.js') }}" defer></script>
<svg xmlns="http://www.w3.org/2000/svg"></svg>
{% endblock %}
"""

BAD = [
    ('<p id="a"></p><p id="a"></p>', "stands already on line 1"),
    ('<p id="r-{{ x }}"></p>\n<p id="r-{{ x }}"></p>', 'id "r-{{ x }}" stands already on line 1'),
    ('{% if a %}<i id="a"></i>{% endif %}{% if b %}<i id="a"></i>{% endif %}', "stands already"),
    ('<form method="post" action="/x"><input></form>', "without a CSRF token"),
    ('<form method="post">{{ form.csrf_token }}</form>', "without action"),
    ('<form method="post" action="/x"></form>{{ form.csrf_token }}', "without a CSRF token"),
    ('<form action="/x" hx-post="/x">{{ csrf_token() }}</form>', 'needs method="post"'),
    ('<form action="/x"><form action="/y"></form></form>', "inside the <form>"),
    ('<form action="/x">', "not closed"),
    ('<p style="color:red"></p>', "attribute style"),
    ('<p {% if x %}style="{{ y }}"{% endif %}></p>', "attribute style"),
    ("<style>p {}</style>", "<style>"),
    ("<script>alert(1)</script>", "<script> without src"),
    ('<button onclick="go()">x</button>', "attribute onclick"),
    ('<button hx-on:click="go()">x</button>', "attribute hx-on:click"),
    ('<button hx-on::after-request="go()">x</button>', "attribute hx-on::after-request"),
    ("<a href='javascript:go()'>x</a>", "holds script"),
    ("<div hx-vals='js:{a: 1}'></div>", "holds script"),
    ('<img src="https://example.com/a.png">', "another host"),
    ('<link rel="stylesheet" href="//example.com/a.css">', "another host"),
]


def findings(text: str, *, for_paper: bool = False) -> list[str]:
    return [str(finding) for finding in check_templates.check_source(text, Path("t.html"), for_paper=for_paper)]


def test_a_good_template_passes():
    assert findings(GOOD) == []


@pytest.mark.parametrize(("text", "message"), BAD)
def test_a_fault_is_named(text: str, message: str):
    found = findings(text)
    assert len(found) == 1, found
    assert message in found[0]


def test_the_line_of_a_fault_is_that_of_the_file():
    assert findings('{# two\nlines #}\n{% if\n x %}\n<p style="x"></p>{% endif %}')[0].startswith("t.html:5:")


def test_paper_may_carry_its_own_style_but_no_other_host():
    assert findings("<style>@page {}</style>", for_paper=True) == []
    assert findings('<img src="http://example.com/a.png">', for_paper=True)


def test_the_command_says_how_it_ended(tmp_path, capsys):
    (tmp_path / "a.html").write_text('<p style="x"></p>', encoding="utf-8")
    assert check_templates.main([str(tmp_path)]) == 1
    (tmp_path / "a.html").write_text("<p></p>", encoding="utf-8")
    assert check_templates.main([str(tmp_path)]) == 0
    assert check_templates.main([str(tmp_path / "missing")]) == 2
    assert "1 templates, 0 findings" in capsys.readouterr().out


def test_the_templates_of_the_project_are_clean():
    count, found = check_templates.check_folder(source.ROOT / "templates")
    assert [str(finding) for finding in found] == []
    assert count > 0
