"""Run by nbgrader's own Python: autogrades a class, prints the seconds and the points of each submission as JSON.

python graders_nbgrader.py COURSE  (a folder with source/ and submitted/)
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import PyFileConfigLoader

course = Path(sys.argv[1])
config = PyFileConfigLoader("nbgrader_config.py", str(course)).load_config()
config.CourseDirectory.root = str(course)
api = NbGraderAPI(CourseDirectory(config=config), config=config)
for assignment in sorted(path.name for path in (course / "source").iterdir()):
    if not api.generate_assignment(assignment)["success"]:
        sys.exit(f"nbgrader could not generate {assignment}")
seconds, points = {}, {}
for place in sorted((course / "submitted").glob("*/*")):
    started = time.perf_counter()
    done = api.autograde(place.name, place.parent.name)
    seconds[f"{place.parent.name}/{place.name}"] = time.perf_counter() - started
    if not done["success"]:
        sys.exit(done["log"][-2000:])
with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
    for assignment in gradebook.assignments:
        for submission in gradebook.assignment_submissions(assignment.name):
            points[f"{submission.student.id}/{submission.name}"] = submission.score
print(json.dumps({"seconds": seconds, "points": points}))
