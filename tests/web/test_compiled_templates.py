"""Compiled templates: found again, forgotten with the text or the program, no fault where nothing can be written."""

from __future__ import annotations

import os
from pathlib import Path

import jinja2
import pytest

from hocbaso.web.compiled_templates import CompiledTemplates, program_version


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the templates that were compiled, in order."""
    names: list[str] = []
    compile_really = jinja2.Environment.compile

    def compile_noted(self, source, name=None, *rest, **words):
        names.append(name)
        return compile_really(self, source, name, *rest, **words)

    monkeypatch.setattr(jinja2.Environment, "compile", compile_noted)
    return names


def _draw(folder: Path, text: str, program: str = "1") -> str:
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({"a": text}),
        bytecode_cache=CompiledTemplates(folder, lambda: program),
        autoescape=True,
    )
    return environment.get_template("a").render(word="<b>")


def test_a_template_is_compiled_once_for_all_processes_of_a_version(tmp_path: Path, compiled: list[str]) -> None:
    assert [_draw(tmp_path / "kept", "{{ word }}") for _ in range(3)] == ["&lt;b&gt;"] * 3
    assert compiled == ["a"]
    assert _draw(tmp_path / "kept", "{{ word }}", program="2") == "&lt;b&gt;"
    assert compiled == ["a", "a"]


def test_a_changed_text_is_drawn_at_once(tmp_path: Path, compiled: list[str]) -> None:
    assert [_draw(tmp_path / "kept", text) for text in ("một", "hai", "một")] == ["một", "hai", "một"]
    assert len(compiled) == 3


@pytest.mark.parametrize("broken", [b"", b"junk", b"j2" * 40])
def test_a_broken_file_is_written_again(tmp_path: Path, compiled: list[str], broken: bytes) -> None:
    _draw(tmp_path / "kept", "một")
    (file,) = (tmp_path / "kept").iterdir()
    file.write_bytes(broken)
    assert [_draw(tmp_path / "kept", "một") for _ in range(2)] == ["một", "một"]
    assert len(compiled) == 2


def test_where_nothing_can_be_written_pages_are_drawn_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert _draw(tmp_path / "file" / "kept", "một") == "một"


def test_any_module_of_the_program_that_changes_makes_another_version(tmp_path: Path) -> None:
    module = tmp_path / "deep" / "module.py"
    module.parent.mkdir()
    module.write_text("a = 1")
    before = program_version(tmp_path)
    assert program_version(tmp_path) == before
    os.utime(module, ns=(1, 1))
    assert program_version(tmp_path) != before
