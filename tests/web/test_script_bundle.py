"""Modules in one file: what is imported first, each once, and nothing that is only guessed at."""

from __future__ import annotations

import pytest

from hocbaso.web.script_bundle import bundle

MODULES = {
    "page": 'import { read as heard, tell } from "./words.js";\nimport "./start.js";\nheard(tell);',
    "words": 'import * as parts from "./parts.js";\nexport const tell = parts.make;\nexport async function read(of) {}',
    "start": 'import { make } from "./parts.js";\nmake();',
    "parts": "export function make() {}",
}


def of(**changed: str) -> str:
    return bundle("page", (MODULES | changed).__getitem__)


def test_each_stands_once_in_its_own_block_after_what_it_imports() -> None:
    assert of() == (
        "const modules = {};\n"
        "{\nfunction make() {}\nmodules.parts = { make };\n}\n"
        "{\nconst parts = modules.parts;\nconst tell = parts.make;\nasync function read(of) {}\nmodules.words = { tell, read };\n}\n"
        "{\nconst { make } = modules.parts;\nmake();\nmodules.start = {  };\n}\n"
        "{\nconst { read: heard, tell } = modules.words;\n\nheard(tell);\nmodules.page = {  };\n}\n"
        "export { modules };\n"
    )


def test_a_circle_is_refused_with_its_way() -> None:
    with pytest.raises(ValueError, match="page -> words -> page"):
        of(words='import { open } from "./page.js";')


def test_a_name_that_the_other_does_not_export_is_refused() -> None:
    """Among modules the browser refuses it; in one file it was undefined until somebody needed it."""
    with pytest.raises(ValueError, match=r"start\.js: .*not exported: made"):
        of(start='import { make, made } from "./parts.js";')


@pytest.mark.parametrize(
    "line",
    [
        "export let open = null;",
        "export default make;",
        'export { make } from "./parts.js";',
        'import make from "./parts.js";',
        'import { make } from "../parts.js";',
        "import { make } from './parts.js';",
        'const later = await import("./parts.js");',
        "const here = import.meta.url;",
    ],
)
def test_a_form_that_is_not_ours_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(ValueError, match=r"words\.js: "):
        of(words=line)
