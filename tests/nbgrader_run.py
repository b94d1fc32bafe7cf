"""Run by nbgrader's own Python: generates assignments, autogrades submissions, prints the points as JSON.

python nbgrader_run.py COURSE  (a folder with source/ and submitted/)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import PyFileConfigLoader

course = Path(sys.argv[1])
config = PyFileConfigLoader("nbgrader_config.py", str(course)).load_config()
config.CourseDirectory.root = str(course)
api = NbGraderAPI(CourseDirectory(config=config), config=config)
said = {}
for assignment in sorted(path.name for path in (course / "source").iterdir()):
    done = api.generate_assignment(assignment)
    said[assignment] = "" if done["success"] else done["log"][-3000:]
points = {}
for place in sorted((course / "submitted").glob("*/*")):
    done = api.autograde(place.name, place.parent.name)
    if not done["success"]:
        said[f"{place.parent.name}/{place.name}"] = done["log"][-3000:]
with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
    for submission in (s for a in gradebook.assignments for s in gradebook.assignment_submissions(a.name)):
        grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
        points[f"{submission.student.id}/{submission.name}"] = {grade.name: grade.score for grade in grades}
print(json.dumps({"said": {name: text for name, text in said.items() if text}, "points": points}))
