"""Whether an account is what the log last told of: whose it is, its name, its password and its second factor.

The log keeps digests of the stored secrets (``watched_kinds``), so a hash put into the table by another program is found, and it
opens nothing. An account entered before digests were kept has none until its password or telephone is next changed: until then
there is nothing to compare.
"""

from __future__ import annotations

from hocbaso import models as m
from hocbaso.errors import IntegrityFault
from hocbaso.services import audit
from hocbaso.services.log_reading import told_of

ALTERED = (
    "Tài khoản này đã bị sửa ngoài phần mềm nên không dùng được. Xin báo Hiệu trưởng; người phụ trách máy chủ "
    "xem bằng lệnh flask audit verify rồi cấp lại mật khẩu."
)


def is_as_written(account: m.Account) -> bool:
    """Whether every watched value is what the log says of it; False as well when the entries themselves were altered."""
    try:
        told = told_of("account", account.id)
    except IntegrityFault:
        return False
    return told is not None and not audit.differing("account", audit.state_of("account", account), told)
