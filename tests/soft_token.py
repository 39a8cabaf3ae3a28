"""SoftHSM2 as a token in a folder of its own, and a driver around it that misbehaves on demand."""

from __future__ import annotations

import glob
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from hocbaso.documents.test_authority import TestAuthority
from hocbaso.documents.token_session import TokenSession

PIN, SO_PIN = "40617283", "99887766"
DRIVER = next(
    iter(sorted(glob.glob("/usr/lib/softhsm/libsofthsm2.so") + glob.glob("/usr/lib/*/softhsm/libsofthsm2.so"))), ""
)

_BAD_DRIVER = r"""
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* C_GetFunctionList of the real driver with three entries replaced; what they do stands in the file BAD_DRIVER names. */
typedef unsigned long (*fn)();
struct list { unsigned char version[8]; fn f[68]; };
static struct list mine, *real;
static char wish[64];
static void read_wish(void) {
  FILE *f = fopen(getenv("BAD_DRIVER"), "r"); wish[0] = 0;
  if (f) { if (!fgets(wish, sizeof wish, f)) wish[0] = 0; fclose(f); }
  wish[strcspn(wish, "\n")] = 0;
}
static void note(const char *what) {
  char path[600]; snprintf(path, sizeof path, "%s.calls", getenv("BAD_DRIVER"));
  FILE *f = fopen(path, "a"); if (f) { fprintf(f, "%s\n", what); fclose(f); }
}
/* CK_TOKEN_INFO: label 32, maker 32, model 16, serial 16, then flags. */
static unsigned long token_info(unsigned long slot, unsigned char *info) {
  unsigned long rv = real->f[6](slot, info);
  unsigned long *flags = (unsigned long *)(info + 96);
  read_wish();
  if (!strcmp(wish, "final")) *flags |= 0x00020000UL;
  if (!strcmp(wish, "low")) *flags |= 0x00010000UL;
  if (!strcmp(wish, "locked")) *flags |= 0x00040000UL;
  return rv;
}
static unsigned long login(unsigned long s, unsigned long u, unsigned char *p, unsigned long n) {
  note("login"); return real->f[18](s, u, p, n);
}
static unsigned long sign(unsigned long s, void *d, unsigned long n, void *out, unsigned long *m) {
  read_wish();
  if (!strcmp(wish, "crash")) raise(SIGSEGV);
  if (!strcmp(wish, "hang")) for (;;) pause();
  if (!strcmp(wish, "removed")) return 0x32UL;
  if (out) note("sign");
  return real->f[43](s, d, n, out, m);
}
/* A token that only signs by hashing itself: CKM_RSA_PKCS (1) is not among its mechanisms. */
static unsigned long mechanisms(unsigned long slot, unsigned long *list, unsigned long *n) {
  unsigned long rv = real->f[7](slot, list, n), i, k = 0;
  read_wish();
  if (!rv && list && !strcmp(wish, "noraw")) {
    for (i = 0; i < *n; i++) if (list[i] != 1) list[k++] = list[i];
    *n = k;
  }
  return rv;
}
unsigned long C_GetFunctionList(struct list **out) {
  void *h = dlopen(getenv("REAL_DRIVER"), RTLD_NOW);
  unsigned long (*get)(struct list **) = h ? dlsym(h, "C_GetFunctionList") : 0;
  if (!get || get(&real)) return 5;
  mine = *real;
  mine.f[6] = (fn)token_info; mine.f[7] = (fn)mechanisms; mine.f[18] = (fn)login; mine.f[43] = (fn)sign;
  *out = &mine;
  return 0;
}
"""


@dataclass
class SoftToken:
    """An initialised token. ``driver`` is the module to load; ``wish`` tells the misbehaving one what to do."""

    folder: Path
    driver: str
    label: str
    serial: str = ""

    def wish(self, what: str) -> None:
        (self.folder / "wish").write_text(what)

    def calls(self, name: str) -> int:
        path = self.folder / "wish.calls"
        return path.read_text().split().count(name) if path.exists() else 0

    def session(self, pin: str = PIN) -> TokenSession:
        """A session that is logged in."""
        made = TokenSession(self.driver)
        made.log_in(self.serial, self.label, pin)
        return made

    def new_key(self, kind: str, authority: TestAuthority, name: str, **more: object) -> tuple[str, tuple[bytes, ...]]:
        """A key generated on the token and certified by ``authority``; (CKA_ID in hex, chain)."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "yêu cầu")])
        with self.session() as session:
            key_id = session.generate(kind, name[:20])
            request = x509.load_der_x509_csr(session.request(key_id, subject.public_bytes()))
            assert request.is_signature_valid
            chain = authority.certify(request.public_key(), name, **more)
            assert session.put_certificate(chain[0]) == key_id
        return key_id, chain


def make_token(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, label: str = "Token trường", bad: bool = False
) -> SoftToken:
    """A fresh token in ``folder``; its configuration is in the environment of this test."""
    assert DRIVER, "softhsm2 is missing: scripts/setup test"
    (folder / "tokens").mkdir(parents=True)
    conf = folder / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(conf))
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", SO_PIN],
        check=True,
        capture_output=True,
    )
    driver = DRIVER
    if bad:
        source, driver = folder / "bad.c", str(folder / "libbad.so")
        source.write_text(_BAD_DRIVER)
        subprocess.run(["cc", "-shared", "-fPIC", "-w", "-o", driver, str(source), "-ldl"], check=True)
        monkeypatch.setenv("REAL_DRIVER", DRIVER)
        monkeypatch.setenv("BAD_DRIVER", str(folder / "wish"))
    token = SoftToken(folder, driver, label)
    with TokenSession(driver) as session:
        (facts,) = session.tokens()
    token.serial = facts.serial
    assert facts.label == label
    return token
