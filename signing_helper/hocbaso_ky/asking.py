"""Asking the user, on this computer and not on the page: in a window, or in the terminal where the helper was started.

Windows belong to the main thread, requests come in others: a request puts its question and waits. One question at a time, and an answer
that comes after its question's time is thrown away.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import sys
import textwrap
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from hocbaso_ky.refusals import Refused

ANSWER_SECONDS = 120.0


def plain(text: object, size: int = 120) -> str:
    """A text from outside as it may be shown: one line, no control or direction characters, not too long."""
    shown = "".join(letter if letter.isprintable() else " " for letter in str(text))
    return " ".join(shown.split())[:size]


@dataclass(frozen=True, slots=True)
class Answer:
    """Yes or no; with yes the PIN where it was asked for."""

    ok: bool
    pin: str = ""
    last_try: bool = False

    def __repr__(self) -> str:  # a PIN must not appear in a log or a traceback
        return f"Answer(ok={self.ok})"


NO = Answer(False)


@dataclass(slots=True)
class Question:
    """What the user sees. ``facts`` are (name, value) lines; ``contents`` are more of them, however many (a school's classes with their
    pupils); ``warning`` stands out; ``yes`` is the word on the button."""

    title: str
    facts: Sequence[tuple[str, str]]
    yes: str
    asks_pin: bool = False
    warning: str = ""
    is_last_try: bool = False
    contents: Sequence[tuple[str, str]] = ()
    ends_at: float = 0.0
    done: threading.Event = field(default_factory=threading.Event)
    answer: Answer = NO

    @property
    def seconds_left(self) -> float:
        """Until an answer would be too late."""
        return self.ends_at - time.monotonic()


class Face(Protocol):
    """Where a question is shown."""

    def show(self, question: Question) -> Answer: ...

    def say(self, text: str) -> None: ...


class Asker:
    """The meeting point of requests and the user."""

    def __init__(self, face: Face, seconds: float = ANSWER_SECONDS) -> None:
        self.face, self._seconds = face, seconds
        self._queue: queue.SimpleQueue[Question | None] = queue.SimpleQueue()
        self._busy = threading.Lock()

    def ask(self, question: Question) -> Answer:
        """Show a question and wait. Refused: ``busy`` (another stands), ``no_answer``."""
        if not self._busy.acquire(blocking=False):
            raise Refused(409, "busy", "Trình ký đang hỏi một việc khác.")
        try:
            question.ends_at = time.monotonic() + self._seconds
            self._queue.put(question)
            if not question.done.wait(self._seconds + 1):
                raise Refused(409, "no_answer", "Không có ai trả lời ở trình ký.")
            return question.answer
        finally:
            self._busy.release()

    def serve(self) -> None:
        """Show what is asked, in the calling thread, until :meth:`stop`."""
        while (question := self._queue.get()) is not None:
            if question.seconds_left <= 0:
                continue
            answer = self.face.show(question)
            question.answer = answer if question.seconds_left > 0 else NO
            question.done.set()

    def stop(self) -> None:
        """End :meth:`serve`."""
        self._queue.put(None)


def _folded(contents: Sequence[tuple[str, str]], width: int = 76) -> list[str]:
    """The contents as lines of a terminal."""
    if not contents:
        return []
    lines = ["", "  Bảng kê của máy chủ:"]
    for name, value in contents:
        lines += textwrap.wrap(f"{name}, {value}", width, initial_indent="    ", subsequent_indent="      ")
    return lines


class Terminal:
    """Questions in the terminal."""

    def say(self, text: str) -> None:
        """A line for the user."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def show(self, question: Question) -> Answer:
        """See ``Face``. Typing ahead does not count as an answer."""
        self._flush()
        width = max(len(name) for name, _ in question.facts)
        lines = ["", "─" * 64, f"  {question.title}", ""]
        lines += [f"  {name + ':':<{width + 1}} {value}" for name, value in question.facts]
        lines += _folded(question.contents)
        if question.warning:
            lines += ["", f"  ⚠ {question.warning}"]
        self.say("\n".join([*lines, ""]))
        if (
            self._read(f"  {question.yes}? Gõ “co” để đồng ý, phím Enter để từ chối: ", question).strip().lower()
            != "co"
        ):
            self.say("  Đã từ chối.")
            return NO
        last_try = False
        if question.is_last_try:
            last_try = self._read("  Dùng lần thử cuối? Gõ “lan cuoi”: ", question).strip().lower() == "lan cuoi"
            if not last_try:
                self.say("  Đã dừng, chưa thử mã PIN.")
                return NO
        pin = ""
        if question.asks_pin:
            pin = self._read("  Mã PIN của thiết bị (không hiện khi gõ): ", question, echo=False)
            if not pin:
                self.say("  Đã dừng, chưa thử mã PIN.")
                return NO
        return Answer(True, pin, last_try)

    def _flush(self) -> None:
        if sys.platform != "win32" and sys.stdin.isatty():
            import termios

            with contextlib.suppress(termios.error):
                termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)

    def _read(self, prompt: str, question: Question, *, echo: bool = True) -> str:
        """One line within the question's time; empty when it runs out."""
        sys.stdout.write(prompt)
        sys.stdout.flush()
        if sys.platform == "win32":  # not tried; there is no way to stop waiting at a console
            import getpass

            return input() if echo else getpass.getpass("")
        with _quiet(not echo):
            if not select.select([sys.stdin], [], [], max(0.0, question.seconds_left))[0]:
                self.say("\n  Hết giờ trả lời.")
                return ""
            line = sys.stdin.readline().rstrip("\n")
        if not echo:
            self.say("")
        return line


@contextlib.contextmanager
def _quiet(really: bool) -> Any:
    if not really or not sys.stdin.isatty():
        yield
        return
    import termios

    before = termios.tcgetattr(sys.stdin)
    silent = termios.tcgetattr(sys.stdin)
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


class Window:
    """Questions in a small window of their own, above the others."""

    def __init__(self, terminal: Terminal | None = None) -> None:
        self._terminal = terminal or Terminal()

    def say(self, text: str) -> None:
        """A line for whoever looks at the terminal."""
        self._terminal.say(text)

    def show(self, question: Question) -> Answer:
        """See ``Face``. The buttons wake up after a second: a click meant for another window hits nothing."""
        import tkinter as tk
        from tkinter import ttk

        given = [NO]
        root = tk.Tk()
        root.title("Trình ký học bạ số")
        root.resizable(False, False)
        root.attributes("-topmost", True)
        frame = ttk.Frame(root, padding=20)
        frame.grid()
        ttk.Label(frame, text=question.title, font=("TkDefaultFont", 13, "bold"), wraplength=460).grid(
            columnspan=2, sticky="w", pady=(0, 12)
        )
        for row, (name, value) in enumerate(question.facts, 1):
            ttk.Label(frame, text=name, foreground="#555").grid(row=row, column=0, sticky="nw", padx=(0, 16), pady=2)
            ttk.Label(frame, text=value, wraplength=340).grid(row=row, column=1, sticky="w", pady=2)
        row = len(question.facts) + 2
        if question.contents:
            box = ttk.Frame(frame)
            box.grid(row=row - 1, columnspan=2, sticky="we", pady=(12, 0))
            bar = ttk.Scrollbar(box)
            text = tk.Text(
                box, height=min(10, 2 * len(question.contents) + 1), width=58, wrap="word", yscrollcommand=bar.set
            )
            bar.configure(command=text.yview)
            text.insert("1.0", "\n".join(f"{name}, {value}" for name, value in question.contents))
            text.configure(state="disabled")
            text.pack(side="left", fill="both", expand=True)
            bar.pack(side="right", fill="y")
        if question.warning:
            ttk.Label(frame, text=question.warning, foreground="#a4161a", wraplength=460).grid(
                row=row, columnspan=2, sticky="w", pady=(12, 0)
            )
        pin, last = tk.StringVar(root), tk.BooleanVar(root)
        if question.is_last_try:
            ttk.Checkbutton(frame, text="Tôi chắc chắn mã PIN đúng, dùng lần thử cuối", variable=last).grid(
                row=row + 1, columnspan=2, sticky="w", pady=(12, 0)
            )
        if question.asks_pin:
            ttk.Label(frame, text="Mã PIN của thiết bị").grid(row=row + 2, column=0, sticky="w", pady=(12, 0))
            entry = ttk.Entry(frame, textvariable=pin, show="•", width=24)
            entry.grid(row=row + 2, column=1, sticky="w", pady=(12, 0))
            entry.focus_force()

        def agree() -> None:
            if (question.asks_pin and not pin.get()) or (question.is_last_try and not last.get()):
                return
            given[0] = Answer(True, pin.get(), last.get())
            root.destroy()

        buttons = ttk.Frame(frame)
        buttons.grid(row=row + 3, columnspan=2, sticky="e", pady=(20, 0))
        refuse = ttk.Button(buttons, text="Từ chối", command=root.destroy)
        accept = ttk.Button(buttons, text=question.yes, command=agree, state="disabled")
        refuse.grid(row=0, column=0, padx=(0, 8))
        accept.grid(row=0, column=1)

        def wake() -> None:
            accept.state(["!disabled"])
            root.bind("<Return>", lambda _event: agree())

        root.bind("<Escape>", lambda _event: root.destroy())
        root.after(1000, wake)
        root.after(max(1, int(question.seconds_left * 1000)), root.destroy)
        root.mainloop()
        return given[0]


def face(wanted: str = "auto") -> Face:
    """``window``, ``terminal``, or whichever is there."""
    if wanted == "terminal" or (
        wanted == "auto"
        and sys.platform == "linux"
        and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    ):
        return Terminal()
    try:
        import tkinter

        tkinter.Tk().destroy()
    except Exception:
        if wanted == "window":
            raise
        return Terminal()
    return Window()
