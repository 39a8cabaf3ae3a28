"""The four tables a school's office hands over, each as ``read_…(bytes, profile) -> ImportTable``."""

from hocbaso.exchange.people_tables import read_assignments, read_students, read_teachers
from hocbaso.exchange.score_tables import read_scores

__all__ = ["read_assignments", "read_scores", "read_students", "read_teachers"]
