"""Start the helper: ``hocbaso-ky --module /path/to/driver.so``; ``--help`` for the rest."""

from __future__ import annotations

import argparse
import logging
import logging.handlers
import os
import signal
import sys
import threading
import tomllib
from pathlib import Path

from hocbaso_ky import PORT, VERSION
from hocbaso_ky.asking import Asker, face
from hocbaso_ky.desk import Desk, in_groups
from hocbaso_ky.http_face import Server
from hocbaso_ky.manifest import words_of
from hocbaso_ky.schools import Schools, Used


def own_folder() -> Path:
    """Where pairings, settings and the log lie; ``HOCBASO_KY_HOME`` names another."""
    if named := os.environ.get("HOCBASO_KY_HOME"):
        return Path(named)
    if sys.platform == "win32":  # not tried
        return Path(os.environ.get("APPDATA", str(Path.home()))) / "hocbaso-ky"
    return Path(os.environ.get("XDG_CONFIG_HOME", str(Path.home() / ".config"))) / "hocbaso-ky"


def _begin_log(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    old = os.umask(0o077)
    try:
        handler = logging.handlers.RotatingFileHandler(folder / "hocbaso-ky.log", maxBytes=500_000, backupCount=3)
    finally:
        os.umask(old)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("hocbaso_ky")
    log.setLevel(logging.INFO)
    log.addHandler(handler)


def _modules(folder: Path, given: list[str]) -> list[str]:
    settings = folder / "config.toml"
    listed = tomllib.loads(settings.read_text("utf-8")).get("modules", []) if settings.exists() else []
    return [str(Path(one)) for one in (given or listed)]


def main(arguments: list[str] | None = None) -> int:
    """Run until Ctrl+C. Exit 0; 2 when something is missing or the port is taken."""
    parser = argparse.ArgumentParser(prog="hocbaso-ky", description="Trình ký học bạ số trên máy của người ký.")
    parser.add_argument(
        "--module", action="append", default=[], metavar="TỆP", help="phần mềm điều khiển của thiết bị (.so, .dll)"
    )
    parser.add_argument(
        "--hoi", choices=("auto", "window", "terminal"), default="auto", help="hỏi bằng cửa sổ hay dòng lệnh"
    )
    parser.add_argument("--danh-sach", action="store_true", help="các trường đã ghép, rồi thoát")
    parser.add_argument("--bo-ghep", metavar="ĐỊA_CHỈ", help="bỏ ghép một trường, rồi thoát")
    parser.add_argument("--cho-phep-http", action="store_true", help="cho ghép với trang không dùng HTTPS, CHỈ để thử")
    parser.add_argument("--version", action="version", version=VERSION)
    wanted = parser.parse_args(arguments)
    folder = own_folder()
    schools = Schools(folder / "schools.json")
    shown = face("terminal" if wanted.danh_sach or wanted.bo_ghep else wanted.hoi)
    if wanted.danh_sach:
        for school in schools.all():
            key = f"khoá {words_of(school.signing_der)}" if school.signing_key else "ghép bằng bản cũ, cần ghép lại"
            print_ = in_groups(school.certificate) or "không HTTPS"
            shown.say(f"{school.origin}  {print_}  {key}  ghép {school.paired_at}")
        return 0
    if wanted.bo_ghep:
        found = schools.remove(wanted.bo_ghep)
        shown.say("Đã bỏ ghép." if found else "Chưa từng ghép với địa chỉ này.")
        return 0 if found else 2
    modules = _modules(folder, wanted.module)
    missing = [one for one in modules if not (os.path.isabs(one) and os.path.isfile(one))]
    if not modules or missing:
        shown.say(f"Không thấy phần mềm điều khiển của thiết bị: {', '.join(missing) or 'chưa chỉ tệp nào'}.")
        shown.say(f'Chạy với --module /đường/dẫn/đầy/đủ.so, hoặc ghi vào {folder / "config.toml"}: modules = ["…"]')
        return 2
    _begin_log(folder)
    asker = Asker(shown)
    desk = Desk(schools, Used(folder / "used.txt"), asker, modules, allow_http=wanted.cho_phep_http)
    try:
        server = Server(desk, PORT)
    except OSError:
        shown.say(f"Cổng {PORT} của máy này đang có chương trình khác dùng; có lẽ trình ký đã mở sẵn.")
        return 2
    stop = threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    tidy = threading.Thread(target=desk.keep_tidy, args=(stop,), daemon=True)
    tidy.start()
    signal.signal(signal.SIGTERM, lambda *_: asker.stop())
    shown.say(f"Trình ký đang mở. Để cửa sổ này mở khi ký; Ctrl+C để đóng. (127.0.0.1:{PORT})")
    try:
        asker.serve()
    except KeyboardInterrupt:
        pass
    finally:
        stop.set()
        server.shutdown()
        tidy.join(10)
    return 0


if __name__ == "__main__":
    sys.exit(main())
