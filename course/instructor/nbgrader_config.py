"""For `nbgrader`: copy this file into your nbgrader course's folder, beside `source/`."""

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "delivered-twice"
# What a learner finds in place of the solution: the same as in exercises/.
c.ClearSolutions.code_stub = {"python": 'raise NotImplementedError("write your answer here")'}
# A check searches thousands of schedules; one that goes round in circles is stopped by itself after a minute.
c.ExecutePreprocessor.timeout = 180
