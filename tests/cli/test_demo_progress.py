"""Loading the sample school takes minutes: nobody waits for half a minute without a word."""

from __future__ import annotations

import time

import pytest

from hocbaso.cli import demo


def test_a_long_step_says_that_the_work_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    with demo._never_silent(0.02) as say:
        say("Lớp 6A")
        time.sleep(0.2)
    told = capsys.readouterr().err
    assert told.startswith("  Lớp 6A") and "vẫn đang làm" in told
    time.sleep(0.1)
    assert capsys.readouterr().err == "", "ended with the work"
    assert demo.SILENCE < 30
