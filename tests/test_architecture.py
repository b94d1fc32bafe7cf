"""The table of imports in reference/README.md is that of the code, and what runs in the sandbox imports little."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "reference" / "redelivery"
PAGE = (ROOT / "reference" / "README.md").read_text("utf-8")
#: Both are no folder's own: the public names, and the version beside them.
NOT_COUNTED = {"__init__", "__version__"}


def targets(node: ast.Import | ast.ImportFrom, here: list[str]) -> list[list[str]]:
    """The modules of this package that a statement in the package ``here`` imports, without its name."""
    if isinstance(node, ast.Import):
        return [name.name.split(".")[1:] for name in node.names if name.name.startswith("redelivery.")]
    if node.level:
        base = here[: len(here) - node.level + 1]
        module = [*base, *(node.module.split(".") if node.module else [])]
    elif node.module is not None and node.module.split(".")[0] == "redelivery":
        module = node.module.split(".")[1:]
    else:
        return []
    return [module] if module else [[name.name] for name in node.names]


def imported() -> dict[str, set[str]]:
    """Of each folder, those that it imports, also where it does so late; not what only type checkers see."""
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        me = parts[0]
        if me in NOT_COUNTED:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        unseen = {
            inner
            for block in ast.walk(tree)
            if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
            for inner in ast.walk(block)
        }
        mine = found.setdefault(me, set())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom) and node not in unseen:
                mine |= {module[0] for module in targets(node, list(parts[:-1])) if module}
        mine -= {me, *NOT_COUNTED}
    return found


def on_the_page() -> dict[str, set[str]]:
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", PAGE, re.MULTILINE)
    return {folder: set(re.findall(r"\w+", names)) for folder, names in rows}


def test_the_table_says_what_imports_what() -> None:
    real, told = imported(), on_the_page()
    assert told.keys() == real.keys()
    for folder in real:
        assert told[folder] == real[folder], folder


def test_the_rules_know_nothing_of_those_who_use_them() -> None:
    assert imported()["simulation"] == set()
    assert imported()["exploration"] == {"simulation"}


def test_every_file_that_is_named_exists() -> None:
    for name in re.findall(r"`(tests/[\w./]+)`", PAGE):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "reference" / name).exists(), name
    for name in re.findall(r"`((?:simulation|exploration|grading)/\w+)`", PAGE):
        assert (PACKAGE / f"{name}.py").exists() or (PACKAGE / name).is_dir(), name


CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def test_what_is_named_for_contributors_exists() -> None:
    names = re.findall(r"`((?:reference|tests|course|exercises|scripts)/[\w./-]+)`", CONTRIBUTING)
    assert len(names) > 15
    for name in names:
        if "EXERCISE" not in name:
            assert (ROOT / name).exists(), name
    for name in re.findall(r"\]\(([^)#]+)\)", CONTRIBUTING):
        assert (ROOT / name).exists(), name


def test_the_list_for_a_fault_is_complete() -> None:
    """One of the faults is looked for as an example: a failure of the work itself."""
    section = CONTRIBUTING.split("## A fault\n")[1].split("\n## ")[0]
    listed = set(re.findall(r"^- `([\w./]+)`", section, re.MULTILINE))
    knows = {
        str(path.relative_to(ROOT))
        for path in PACKAGE.rglob("*.py")
        if re.search(r"\bKind\.FAIL\b|^    FAIL = ", path.read_text("utf-8"), re.MULTILINE)
    }
    assert listed == knows


def test_the_workflow_runs_the_readmes_command_with_three_pythons() -> None:
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text("utf-8")
    assert re.findall(r"- run: (make .*)", workflow) == ["make test"]
    tried = set(re.findall(r"\"(3\.\d+)\"", workflow))
    assert {"3.11", "3.12", "3.13"} <= tried
