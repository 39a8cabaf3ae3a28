"""What in a score sheet looks like a slip of the hand: pure functions from one sheet to questions in plain words.

Nothing here says that a score is wrong, and nothing compares pupils in front of anybody: a finding is a question for
the teacher who holds the paper. ``checks.find_anomalies`` is the way in.
"""
