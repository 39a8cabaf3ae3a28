"""Pack the stand-alone verifier: what ``flask transcript verify`` imports, and the installed libraries it needs, into one file by shiv.

Everything is taken from this environment, nothing is fetched. Usage: ``build_verifier.py OUT.pyz``; exit 0 done, 1 not.
"""

from __future__ import annotations

import importlib.metadata as metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = (
    "pyhanko",
    "pyhanko-certvalidator",
    "pikepdf",
    "lxml",
    "cryptography",
    "asn1crypto",
    "segno",
    "fonttools",  # the words under a signature are drawn again
    "click",
    "tzdata",
)
#: What only fetches over a network, which the verifier never does, but is imported all the same, stays; tests and caches go.
LEFT_OUT = re.compile(r"(^|/)(__pycache__|tests?|bin)(/|$)|\.pyc$|^\.\.")
OURS = ("hocbaso/__init__.py", "LICENSE")


def closure() -> list[metadata.Distribution]:
    """The libraries with everything they require on this machine."""
    found: dict[str, metadata.Distribution] = {}
    waiting = list(LIBRARIES)
    while waiting:
        name = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in found:
            continue
        found[key] = distribution = metadata.distribution(name)
        for text in distribution.requires or []:
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                waiting.append(wanted.name)
    return [found[key] for key in sorted(found)]


def our_modules() -> list[Path]:
    """The project's files that the command imports, asked of a fresh interpreter."""
    code = (
        "import sys; import hocbaso.cli.standalone_verify, hocbaso.cli.transcript_verify, hocbaso.cli.log_verify, hocbaso.documents.verification,"
        " hocbaso.documents.memory_limit, hocbaso.documents.verdict_words, hocbaso.documents.xml_signature, hocbaso.documents.qr_summary;"
        "print(*sorted(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'hocbaso'), sep='\\n')"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return [Path(line) for line in run.stdout.split("\n") if line]


def stage(folder: Path) -> None:
    """Copy all of it into a folder, as a site-packages."""
    for distribution in closure():
        for file in distribution.files or []:
            if LEFT_OUT.search(file.as_posix()):
                continue
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(distribution.locate_file(file)), target)
    for path in our_modules():
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    # The letters on a page are held against the shipped fonts.
    shutil.copytree(ROOT / "static" / "fonts" / "pdf", folder / "static" / "fonts" / "pdf")
    shutil.copyfile(ROOT / "LICENSE", folder / "hocbaso" / "LICENSE")
    for path in folder.rglob("*"):  # one date for all: the same parts give the same file
        os.utime(path, (946684800, 946684800))


def main() -> int:
    """Build and try it once."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    out = Path(sys.argv[1]).resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        site = Path(scratch) / "site"
        site.mkdir()
        stage(site)
        packed = Path(scratch) / out.name
        run = [sys.executable, "-m", "shiv", "--site-packages", str(site)]
        run += ["--entry-point", "hocbaso.cli.standalone_verify:main"]
        run += ["--python", "/usr/bin/env python3", "--compressed", "--reproducible", "--output-file", str(packed)]
        subprocess.run(run, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "SOURCE_DATE_EPOCH": "946684800"})
        shutil.move(packed, out)
    print(f"{out} ({out.stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
