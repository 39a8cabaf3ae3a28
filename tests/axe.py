"""What axe-core finds wrong on a page, WCAG 2.2 A and AA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parent / "browser" / "vendor" / "axe-core-4.14.1" / "axe.min.js"
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_RUN = "tags => axe.run(document, {runOnly: tags, iframes: false})"
# A link that lies half under the fixed bar at the foot of the window is a target too small for axe, and whole once scrolled to.
_SCROLLED_TO = """async target => {
    document.querySelector(target).scrollIntoView({block: 'center'});
    return (await axe.run(target, {runOnly: {type: 'rule', values: ['target-size']}})).violations.length;
}"""


def findings(page: Any) -> list[str]:
    """``rule: [html, …]`` of each finding on the page as it now stands.

    The script comes by the debugger: the page's own policy refuses one beside it.
    """
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(SCRIPT.read_text(encoding="utf-8"))
    told = []
    for item in page.evaluate(_RUN, _TAGS)["violations"]:
        nodes = item["nodes"]
        if item["id"] == "target-size":
            nodes = [node for node in nodes if page.evaluate(_SCROLLED_TO, node["target"][0])]
        if nodes:
            told.append(f"{item['id']}: {[node['html'][:160] for node in nodes][:4]}")
    return told
