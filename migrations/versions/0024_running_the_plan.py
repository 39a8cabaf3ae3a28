"""Running the plan: questions to the IT officer, the first-visit tour, announcements, training, tasks of the board, inventory

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "help_request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("screen", sa.String(length=200), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('OPEN','ANSWERED','CLOSED')", name=op.f("ck_help_request_known_state")),
        sa.ForeignKeyConstraint(["asked_by"], ["account.id"], name=op.f("fk_help_request_asked_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_help_request")),
    )
    op.create_index("ix_help_request_asked_by", "help_request", ["asked_by"], unique=False)
    op.create_table(
        "help_message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("help_request_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=2000), nullable=False),
        sa.Column("is_answer", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_account_id", sa.Integer(), nullable=False),
        sa.Column("by_name", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["help_request_id"], ["help_request.id"], name=op.f("fk_help_message_help_request_id")),
        sa.ForeignKeyConstraint(["by_account_id"], ["account.id"], name=op.f("fk_help_message_by_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_help_message")),
    )
    op.create_index("ix_help_message_request", "help_message", ["help_request_id"], unique=False)
    op.create_table(
        "tour_seen",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_tour_seen_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_tour_seen")),
    )
    op.create_table(
        "announcement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=150), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("audience", sa.String(length=10), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("posted_by", sa.Integer(), nullable=True),
        sa.Column("poster_name", sa.String(length=120), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawer_name", sa.String(length=120), nullable=True),
        sa.CheckConstraint("audience IN ('inside','public')", name=op.f("ck_announcement_known_audience")),
        sa.CheckConstraint(
            "ends_on IS NULL OR ends_on >= starts_on", name=op.f("ck_announcement_ends_after_it_starts")
        ),
        sa.CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawer_name IS NULL)", name=op.f("ck_announcement_withdrawn_by_somebody")
        ),
        sa.ForeignKeyConstraint(["posted_by"], ["account.id"], name=op.f("fk_announcement_posted_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcement")),
    )
    op.create_table(
        "announcement_read",
        sa.Column("announcement_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["announcement_id"], ["announcement.id"], name=op.f("fk_announcement_read_announcement_id")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_announcement_read_account_id")),
        sa.PrimaryKeyConstraint("announcement_id", "account_id", name=op.f("pk_announcement_read")),
    )
    op.create_table(
        "training_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("organiser", sa.String(length=200), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_session")),
    )
    op.create_table(
        "training_attendance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("training_session_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("attended", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["training_session_id"], ["training_session.id"], name=op.f("fk_training_attendance_training_session_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_training_attendance_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_attendance")),
        sa.UniqueConstraint(
            "training_session_id", "person_id", name=op.f("uq_training_attendance_training_session_id_person_id")
        ),
    )
    op.create_index("ix_training_attendance_person_id", "training_attendance", ["person_id"], unique=False)
    op.create_table(
        "board_task",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("school_year_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("evidence", sa.String(length=500), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_name", sa.String(length=120), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('OPEN','DONE','DROPPED')", name=op.f("ck_board_task_known_state")),
        sa.CheckConstraint("state <> 'DONE' OR evidence IS NOT NULL", name=op.f("ck_board_task_done_with_evidence")),
        sa.ForeignKeyConstraint(["school_year_id"], ["school_year.id"], name=op.f("fk_board_task_school_year_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_board_task_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_board_task")),
    )
    op.create_index("ix_board_task_year", "board_task", ["school_year_id"], unique=False)
    op.create_table(
        "inventory_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=15), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("n_needed", sa.Integer(), nullable=False),
        sa.Column("n_ready", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=True),
        sa.Column("checked_on", sa.Date(), nullable=False),
        sa.Column("checker_name", sa.String(length=120), nullable=False),
        sa.Column("dropped", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('device','line','software','certificate','gift')", name=op.f("ck_inventory_item_known_kind")
        ),
        sa.CheckConstraint("n_ready BETWEEN 0 AND n_needed", name=op.f("ck_inventory_item_ready_of_needed")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventory_item")),
    )


WATCHED = ("announcement", "training_session", "training_attendance", "board_task", "inventory_item")


def downgrade() -> None:
    # The log tells of these rows: without them each would be told as lost.
    if not op.get_context().as_sql:
        n_rows = sum(
            op.get_bind().execute(sa.select(sa.func.count()).select_from(sa.table(name))).scalar() or 0
            for name in WATCHED
        )
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} dòng về kế hoạch của trường sẽ mất mà nhật ký vẫn ghi. "
                "Xin phục hồi một bản sao lưu của bản cũ."
            )
    for name in (
        "inventory_item",
        "board_task",
        "training_attendance",
        "training_session",
        "announcement_read",
        "announcement",
    ):
        op.drop_table(name)
    op.drop_table("tour_seen")
    op.drop_table("help_message")
    op.drop_table("help_request")
