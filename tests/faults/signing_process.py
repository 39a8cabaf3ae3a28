"""A process in which the principal signs the whole school; each settled item is a line on stdout. The parent kills it.

Arguments: instance, ``start`` or ``rest`` (go on with the newest batch).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.services import document_pool, test_school_keys, wide_batches
from tests.conftest import make_app
from tests.services.many_classes import Many


def main() -> None:
    """Sign, telling of each item."""
    app = make_app(Path(sys.argv[1]), durable=True)
    with app.app_context():
        principal, pin = Many().actor("hieutruong"), test_school_keys.DEMO_PIN

        def told() -> None:
            os.write(1, b"item\n")

        if sys.argv[2] == "start":
            wide_batches.sign_classes(principal, "principal", None, pin, clock.now(), on_item=told)
        else:
            batch_id = db.session.scalar(select(m.SigningBatch.id).order_by(m.SigningBatch.id.desc()).limit(1))
            wide_batches.do_rest(principal, batch_id or 0, pin, clock.now(), on_item=told)
        document_pool.close()


if __name__ == "__main__":
    main()
