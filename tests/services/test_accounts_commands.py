"""``flask user``, ``flask role`` and ``flask serve``: who may, what is printed, and that no worker outlives its parent."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import stamp
from sqlalchemy import func, inspect, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.config import PROJECT_ROOT
from hocbaso.db import db, write_transaction
from hocbaso.errors import Unavailable
from hocbaso.services import schema, tls
from hocbaso.services.access import SYSTEM
from tests.cast import PASSWORD, Cast


def run(app: Flask, *arguments: str, **environment: str):
    with app.app_context():
        if not inspect(db.engine).has_table("alembic_version"):  # the fixtures make tables without their revision
            stamp()
    return app.test_cli_runner().invoke(args=list(arguments), env=environment)


def test_the_first_people_of_a_school_from_the_keyboard(app: Flask):
    for code, role, name in (("BGH01", "principal", "Lường Văn Páo"), ("CNTT01", "it_officer", "Quàng Thị Mơ")):
        done = run(app, "role", "grant", code, role, "--name", name)
        assert done.exit_code == 0, done.output
    made = run(app, "user", "add", "BGH01", "CNTT01", "--json")
    assert made.exit_code == 0, made.output
    assert [slip["username"] for slip in json.loads(made.output)] == ["bgh01", "cntt01"]
    refused = run(app, "role", "grant", "BGH01", "clerk")
    assert refused.exit_code == 1 and "--actor" in refused.output
    assert run(app, "user", "add", "KHONG").exit_code == 1
    assert run(app, "user", "add", "A1", "B2", "--name", "X").exit_code == 2
    rows = json.loads(run(app, "user", "list", "--json").output)
    assert {row["username"]: row["roles"] for row in rows} == {"bgh01": ["principal"], "cntt01": ["it_officer"]}
    assert "password_hash" not in rows[0]


def test_roles_of_a_living_school_are_given_by_who_may(school_app: Flask, school: Cast):
    with write_transaction() as session:
        session.get(m.School, 1).is_demo = False
    arguments = (
        "role",
        "grant",
        "gv002",
        "delegate",
        "--scope",
        "class:9A",
        "--to",
        "31/05/2027",
        "--document",
        "12/GUQ",
    )
    assert run(school_app, *arguments).exit_code == 1
    assert run(school_app, *arguments, "--actor", "gv004", HOCBASO_PASSWORD=PASSWORD).exit_code == 1
    assert run(school_app, *arguments, "--actor", "gv001", HOCBASO_PASSWORD="sai").exit_code == 1
    done = run(school_app, *arguments, "--actor", "gv001", "--json", HOCBASO_PASSWORD=PASSWORD)
    assert done.exit_code == 0, done.output
    grant = db.session.get(m.RoleGrant, json.loads(done.output)["id"])
    assert (grant.role, grant.scope_kind, grant.scope_id) == ("delegate", "class_group", school.classes["9A"])
    assert run(school_app, "role", "end", str(grant.id), "--actor", "gv001", HOCBASO_PASSWORD=PASSWORD).exit_code == 0
    assert "delegate" not in run(school_app, "role", "list").output
    assert "delegate" in run(school_app, "role", "list", "--past").output
    assert (
        run(school_app, *arguments[:4], "--scope", "9A", "--actor", "gv001", HOCBASO_PASSWORD=PASSWORD).exit_code == 2
    )


def test_a_forgotten_password_is_replaced_at_the_server(school_app: Flask, school: Cast):
    slip = json.loads(run(school_app, "user", "passwd", "gv009", "--json").output)
    client = school_app.test_client()
    answer = client.post("/dang-nhap", data={"username": "gv009", "password": slip["password"]})
    assert answer.location == "/dang-nhap/mat-khau-moi"
    entry = db.session.scalars(select(m.AuditEntry).where(m.AuditEntry.tag == "account:password:reset")).one()
    assert entry.actor_name == "Hệ thống"
    assert run(school_app, "user", "disable", "gv009").exit_code == 0
    assert client.get("/").location == "/dang-nhap"
    assert run(school_app, "user", "disable", "gv009").exit_code == 1
    assert run(school_app, "user", "disable", "gv009", "--enable").exit_code == 0


def test_the_server_refuses_debug(app: Flask):
    assert run(app, "serve", FLASK_DEBUG="1").exit_code == 2


def test_tls_is_spoken_when_the_instance_has_a_pair_that_fits(app: Flask):
    from hocbaso.cli.serve import server_command, speaks_tls

    settings = app.config["HOCBASO"]
    assert not speaks_tls(settings)
    command = server_command(settings, "0.0.0.0", 5000, secure=False)
    assert "--ssl-certificate" not in command
    assert command[command.index("--workers") + 1] == "1" and command[command.index("--interface") + 1] == "rsgi"
    with app.app_context():
        tls.init(SYSTEM, ("hocba.truong.lan",), clock.now())
    assert speaks_tls(settings) and not speaks_tls(replace(settings, tls_off=True))
    command = server_command(settings, "0.0.0.0", 5000, secure=True)
    assert command[command.index("--ssl-protocol-min") + 1] == "tls1.2"
    (settings.tls / "key.pem").write_text("x")
    with pytest.raises(Unavailable):  # never plain HTTP by mistake
        speaks_tls(settings)


def test_plain_http_in_the_network_has_to_be_asked_for_and_is_written_down(
    school_app: Flask, school: Cast, monkeypatch: pytest.MonkeyPatch
):
    from hocbaso.cli import serve

    became: list[dict[str, str]] = []
    monkeypatch.setattr(serve, "_become", lambda _command, environment: became.append(environment))
    monkeypatch.setattr(schema, "upgrade", lambda: None)
    with write_transaction() as session:
        session.get(m.School, 1).is_demo = False
    waived = select(func.count()).where(m.AuditEntry.tag == "tls:encryption:waived")
    refused = run(school_app, "serve", HOST="192.168.1.20")
    assert refused.exit_code == 1 and "HOCBASO_TLS=off" in refused.output and became == []
    assert run(school_app, "serve", HOST="127.0.0.1").exit_code == 0 and db.session.scalar(waived) == 0
    school_app.config["HOCBASO"] = replace(school_app.config["HOCBASO"], tls_off=True)
    said = run(school_app, "serve", HOST="192.168.1.20")
    assert said.exit_code == 0 and "KHÔNG mã hoá" in said.output
    assert db.session.scalar(waived) == 1 and "HOCBASO_HTTPS" not in became[-1]
    school_app.config["HOCBASO"] = replace(school_app.config["HOCBASO"], tls_off=False)
    tls.init(SYSTEM, ("192.168.1.20",), clock.now() - timedelta(days=390))
    said = run(school_app, "serve", HOST="192.168.1.20", PORT="8443")
    assert "Đã gia hạn" in said.output, "a server that was off all summer"
    assert became[-1]["HOCBASO_HTTPS"] == "1" and became[-1]["HOCBASO_PLAIN_PORT"] == "8444"
    run(school_app, "serve", "--http-port", "0", HOST="192.168.1.20", PORT="8443")
    assert "HOCBASO_PLAIN_PORT" not in became[-1]


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux")
def test_no_worker_outlives_its_parent(tmp_path: Path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "HOCBASO_INSTANCE": str(tmp_path / "instance"),
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "PYTHONUNBUFFERED": "1",
    }
    environment.pop("FLASK_DEBUG", None)
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [str(Path(sys.executable).with_name("flask")), "serve"],
            cwd=PROJECT_ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        page = _wait_for(port, tmp_path / "log")
        assert "Thiết lập trường mới" in page
        code = next(
            line.split(":")[1].strip()
            for line in (tmp_path / "log").read_text().splitlines()
            if "Mã thiết lập:" in line
        )
        assert len(code) == 14
        server.send_signal(signal.SIGKILL)
        server.wait(10)
        for _ in range(100):
            with socket.socket() as attempt:
                if attempt.connect_ex(("127.0.0.1", port)) != 0:
                    break
            time.sleep(0.1)
        else:
            pytest.fail("the worker kept the port")
    finally:
        if server.poll() is None:
            server.terminate()
            server.wait(20)


def _wait_for(port: int, log: Path) -> str:
    for _ in range(800):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/thiet-lap/", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            time.sleep(0.15)
    raise AssertionError(log.read_text())
