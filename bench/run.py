"""All benchmarks, each in a process of its own: ``python -m bench.run [--quick] [--out bench/results.json]``.

Writes the figures as JSON and prints the table of ``docs/performance.md``. Exit status 1 when a benchmark is missing or fails;
a target that is not met is shown as such and is no failure, because a busy or slow machine is no defect of the program.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- begin: bench.run -->", "<!-- end: bench.run -->"
PARTS = ("server_load", "daily", "grid", "documents", "rules", "imports", "batch", "typing_while_signing")
QUICK: dict[str, dict[str, Any]] = {
    "server_load": {"seconds": 1.0},
    "batch": {"students": 5},
    "typing_while_signing": {"students": 6},
}

# A benchmark is a function run() -> dict; one that only has main() prints its JSON.
_CHILD = """
import contextlib, importlib, inspect, io, json, sys
module, wanted = importlib.import_module("bench." + sys.argv[1]), json.loads(sys.argv[2])
if hasattr(module, "run"):
    known = inspect.signature(module.run).parameters
    result = module.run(**{name: value for name, value in wanted.items() if name in known})
else:
    sys.argv, printed = sys.argv[:1], io.StringIO()
    with contextlib.redirect_stdout(printed):
        module.main()
    text = printed.getvalue()
    result = json.loads(text[text.index("{"):])
print("\\n@@" + json.dumps(result))
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table. ``target`` is empty where none was set."""

    what: str
    measured: str
    target: str = ""
    met: bool | None = None


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    from pysqlite3 import dbapi2 as bundled

    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in _read("/proc/cpuinfo").splitlines()
            if line.startswith("model name")
        ),
        "",
    )
    memory = next(
        (int(line.split()[1]) // 1024 for line in _read("/proc/meminfo").splitlines() if line.startswith("MemTotal")), 0
    )
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "processor": model or platform.machine(),
        "memory_mb": memory,
        "system": platform.system(),
        "python": platform.python_version(),
        "sqlite": bundled.sqlite_version,
        "load_before": round(os.getloadavg()[0], 2),
        "pace_ms": pace(),
    }


def pace() -> float:
    """Milliseconds of one million rounds of a plain Python loop, best of five: machines differ by more than the program does from
    one version to the next, so figures of two days are compared by this first."""
    best = float("inf")
    for _ in range(5):
        began, total = time.perf_counter(), 0
        for number in range(1_000_000):
            total += number * number % 7
        best = min(best, time.perf_counter() - began)
    return round(best * 1000, 1)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def measure(part: str, *, quick: bool) -> dict[str, Any]:
    """The result of one benchmark, or ``{"error": …}``."""
    if not (ROOT / "bench" / f"{part}.py").is_file():
        return {"error": f"bench/{part}.py is missing"}
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in ("DATABASE_URL", "HOCBASO_INSTANCE", "SECRET_KEY", "SMTP_URL", "HOCBASO_TSA_URL")
    }
    arguments = json.dumps(QUICK.get(part, {}) if quick else {})
    started = time.perf_counter()
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, part, arguments],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=environment,
            timeout=1800,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": "not done in half an hour"}
    lines = [line for line in done.stdout.splitlines() if line.startswith("@@")]
    if done.returncode != 0 or not lines:
        return {"error": (done.stderr.strip().splitlines() or ["no result"])[-1][:500]}
    result: dict[str, Any] = json.loads(lines[-1][2:])
    return {**result, "bench_seconds": round(time.perf_counter() - started, 1)}


def vn(value: Any) -> str:
    """A figure with a decimal comma."""
    return f"{value:,}".replace(",", " ").replace(".", ",") if isinstance(value, (int, float)) else str(value)


def rows(results: dict[str, dict[str, Any]]) -> list[Row]:
    """The lines of the table, in the order of a school's day."""
    made: list[Row] = []
    load = results.get("server_load", {})
    if "error" not in load:
        targets = {(goal["what"]): goal for goal in load.get("goals", ())}
        for scenario, words in (
            ("first_open", "Mở lần đầu sau khi máy chủ khởi động, cùng một lúc"),
            ("open", "Mở bảng điểm 40 học sinh x 6 cột"),
            ("open_after_change", "Mở lại ngay sau khi có điểm mới"),
            ("save", "Lưu một ô điểm"),
        ):
            for n, figures in load.get(scenario, {}).items():
                for key, name in (("median_ms", "trung vị"), ("p95_ms", "p95")):
                    goal = targets.get(f"{scenario}, {n} at once: {key}")
                    made.append(
                        Row(
                            f"{words}, {n} người cùng lúc, {name}",
                            f"{vn(figures[key])} ms",
                            f"< {vn(goal['limit'])} ms" if goal else "",
                            goal["met"] if goal else None,
                        )
                    )
                if scenario == "save":
                    made.append(Row(f"{words}, {n} người cùng lúc, số lần mỗi giây", vn(figures["per_second"])))
        for goal in load.get("goals", ()):
            if "at once" not in goal["what"]:
                name = {
                    "save: bytes of the answer": ("Cỡ câu trả lời khi lưu một ô", "byte"),
                    "memory of the web process, MB": ("Bộ nhớ của tiến trình web", "MB"),
                }.get(goal["what"], (goal["what"], ""))
                made.append(
                    Row(name[0], f"{vn(goal['measured'])} {name[1]}", f"< {vn(goal['limit'])} {name[1]}", goal["met"])
                )
    for goal in results.get("daily", {}).get("goals", ()):
        n = "1" if ", 1 at once" in goal["what"] else "10"
        name = f"Trang Hôm nay của Hiệu trưởng, 640 học sinh, 200 việc chờ, {n} người cùng lúc"
        kind = "trung vị" if n == "1" else "p95"
        made.append(Row(f"{name}, {kind}", f"{vn(goal['measured'])} ms", f"< {vn(goal['limit'])} ms", goal["met"]))
    words = {
        "html_45x16_kb": ("Trang bảng điểm 45 x 16 ô (cột đặt thêm để đo), nén", "kB"),
        "paste_721_ms": ("Dán 103 x 7 = 721 ô, từ lúc bấm ghi đến khi mọi ô đã lưu", "ms"),
        "paste_315_ms": ("Dán cả bảng 45 x 7 = 315 ô", "ms"),
        "ready_cold_ms": ("Mở bảng điểm đến khi gõ được, bộ xử lí chậm 4 lần, chưa có gì trong bộ nhớ đệm", "ms"),
        "ready_warm_ms": ("Mở bảng điểm đến khi gõ được, bộ xử lí chậm 4 lần, trung vị", "ms"),
    }
    for goal in results.get("grid", {}).get("goals", ()):
        name, unit = words[goal["key"]]
        made.append(Row(name, f"{vn(goal['measured'])} {unit}", f"< {vn(goal['limit'])} {unit}", goal["met"]))
    rules = results.get("rules", {})
    if "student_years_per_second" in rules:
        target = rules.get("target_per_second", 2000)
        made.append(
            Row(
                "Tính kết quả năm học, học sinh mỗi giây, một nhân",
                vn(rules["student_years_per_second"]),
                f"≥ {vn(target)}",
                rules["student_years_per_second"] >= target,
            )
        )
    imports = results.get("imports", {})
    if "class_scores_apply_s" in imports:
        made.append(
            Row(
                "Nhập bảng điểm Excel của một lớp (cả năm, mọi môn)",
                f"{vn(round(imports['class_scores_apply_s'], 2))} s",
                f"< {vn(imports['limit_s'])} s",
                imports["ok"],
            )
        )
        made.append(Row("Nhập điểm từ Excel, ô mỗi giây", vn(imports["cells_per_s"])))
    documents = results.get("documents", {})
    for key, words in (
        ("render_cpu_ms", "Dựng một học bạ PDF/A-3 (CPU)"),
        ("proof_cpu_ms", "Đối chiếu từng chữ in với dữ liệu (CPU)"),
        ("sign_pdf_homeroom_cpu_ms", "Một chữ ký PAdES (CPU)"),
        ("sign_and_check_homeroom_cpu_ms", "Ký PDF và XML rồi kiểm tra độc lập (CPU)"),
        ("verify_pdf_cpu_ms", "Kiểm tra học bạ đủ ba chữ ký (CPU)"),
    ):
        if key in documents:
            made.append(Row(words, f"{vn(documents[key])} ms"))
    for part, key, words, limit in (
        ("compared", "weasyprint_naive_cpu_ms", "  cùng trang đó, WeasyPrint gọi như hướng dẫn mở đầu (CPU)", None),
        ("compared", "pyhanko_three_signatures_cpu_ms", "  ba chữ ký ấy do riêng pyHanko làm (CPU)", None),
        ("long_proof", "extend_to_b_lta_wall_ms", "Thêm bằng chứng lâu dài B-LTA, máy chủ thời gian tại chỗ", 300),
        ("year", "wall_ms_per_student", "Dựng, ba chữ ký có hình, kiểm tra toàn bộ: mỗi học sinh một năm", 100),
    ):
        if key in documents.get(part, {}):
            value = documents[part][key]
            made.append(
                Row(words, f"{vn(value)} ms", f"≤ {limit} ms" if limit else "", value <= limit if limit else None)
            )
    batch = results.get("batch", {})
    if "total_s" in batch:
        made.append(
            Row(
                f"Cả lớp {batch['students']} học sinh: lập và ký ba lần, {batch['workers']} tiến trình",
                f"{vn(batch['total_s'])} s",
            )
        )
        made.append(Row("  trong đó lập", f"{vn(batch['build_s'])} s"))
        for role, words in (
            ("homeroom", "giáo viên chủ nhiệm ký"),
            ("principal", "Hiệu trưởng ký"),
            ("seal", "đóng dấu"),
        ):
            made.append(Row(f"  trong đó {words}", f"{vn(batch[f'sign_{role}_s'])} s"))
    beside = results.get("typing_while_signing", {})
    if "idle" in beside:
        n = beside["clients"]
        made.append(
            Row(f"Lưu một ô điểm, {n} người cùng lúc, không có lượt ký, p95", f"{vn(beside['idle']['p95_ms'])} ms")
        )
        for what, words in (("building", "đang lập học bạ lớp khác"), ("signing", "đang ký học bạ lớp khác")):
            goal = next(one for one in beside["goals"] if what in one["what"])
            made.append(
                Row(
                    f"  trong lúc máy {words}, p95 của vòng xấu nhất",
                    f"{vn(goal['measured'])} ms",
                    f"< {vn(goal['limit'])} ms",
                    goal["met"],
                )
            )
    return made


def table(facts: dict[str, Any], lines: list[Row], errors: dict[str, str]) -> str:
    """Markdown for ``docs/performance.md``."""
    signs = {True: "đạt", False: "**chưa đạt**", None: ""}
    out = [
        f"Đo lúc {facts['at']}: {facts['cores']} nhân, {facts['processor']}, {vn(facts['memory_mb'])} MB, Python {facts['python']}, "
        f"SQLite {facts['sqlite']}; tải của máy trước khi đo {vn(facts['load_before'])}; nhịp máy "
        f"{vn(facts['pace_ms'])} ms (một triệu vòng lặp Python).",
        "",
        "| việc | đo được | mục tiêu | |",
        "|---|---:|---:|---|",
    ]
    out += [f"| {line.what} | {line.measured} | {line.target} | {signs[line.met]} |" for line in lines]
    out += [f"| {part} | không đo được: {message} | | **lỗi** |" for part, message in errors.items()]
    return "\n".join(out)


def main() -> None:
    """Measure all, write, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter rounds, a small class")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results.json")
    parser.add_argument("--only", action="append", choices=PARTS)
    parser.add_argument("--write-doc", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args()
    facts = machine()
    results: dict[str, dict[str, Any]] = {}
    for part in options.only or PARTS:
        print(f"… {part}", file=sys.stderr, flush=True)
        results[part] = measure(part, quick=options.quick)
    options.out.write_text(
        json.dumps({"machine": facts, "quick": options.quick, "results": results}, ensure_ascii=False, indent=1) + "\n",
        encoding="utf-8",
    )
    errors = {part: result["error"] for part, result in results.items() if "error" in result}
    text = table(facts, rows(results), errors)
    print(text)
    if options.write_doc and not errors:
        page = ROOT / "docs" / "performance.md"
        before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
        page.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
