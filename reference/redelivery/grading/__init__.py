"""Grading submissions that nobody trusts.

The verdict is computed in this interpreter, which never runs a learner's code: that sits in a child process without
anything of the course's, and is asked through a pipe what it would do next.
"""
