"""A pupil's place in the class stays with the pupil

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

FIELD = 97
enrollment = sa.table("enrollment", sa.column("id"), sa.column("class_group_id"), sa.column("class_place"))


def upgrade() -> None:
    with op.batch_alter_table("enrollment") as table:
        table.add_column(sa.Column("class_place", sa.Integer(), nullable=True))
    if not op.get_context().as_sql:
        _keep_the_printed_numbers()
    with op.batch_alter_table("enrollment") as table:
        table.create_unique_constraint("uq_enrollment_class_place", ["class_group_id", "class_place"])


def _keep_the_printed_numbers() -> None:
    """Each class by id, as the numbers were made until now: sheets that lie printed in a drawer stay right."""
    link = op.get_bind()
    taken: dict[int, set[int]] = {}
    for row in link.execute(sa.select(enrollment.c.id, enrollment.c.class_group_id).order_by(enrollment.c.id)).all():
        places = taken.setdefault(row.class_group_id, set())
        if len(places) == FIELD:
            continue
        place = row.id % FIELD
        while place in places:
            place = (place + 1) % FIELD
        places.add(place)
        link.execute(sa.update(enrollment).where(enrollment.c.id == row.id).values(class_place=place))


def downgrade() -> None:
    with op.batch_alter_table("enrollment") as table:
        table.drop_constraint("uq_enrollment_class_place", type_="unique")
        table.drop_column("class_place")
