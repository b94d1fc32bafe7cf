"""environment.yml asks for the same packages in the same ranges as pyproject.toml, by conda-forge's names."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]

# Where conda-forge's name is another.
CONDA_NAMES = {
    "build": "python-build",
    "confluent-kafka": "python-confluent-kafka",
    "playwright": "playwright-python",
    "redis": "redis-py",
}


def wanted(pyproject: dict[str, Any]) -> dict[str, SpecifierSet]:
    """What pyproject.toml asks for in all its layers, by conda-forge's names."""
    project = pyproject["project"]
    layers = project["optional-dependencies"]
    packages = {"python": SpecifierSet(project["requires-python"])}
    todo = [Requirement(line) for line in (*project["dependencies"], *layers["test"])]
    while todo:
        requirement = todo.pop()
        if requirement.name == project["name"]:
            todo += [Requirement(line) for extra in requirement.extras for line in layers[extra]]
            continue
        packages[CONDA_NAMES.get(requirement.name, requirement.name)] = requirement.specifier
    return packages


def given(environment: dict[str, Any]) -> dict[str, SpecifierSet]:
    """What environment.yml asks conda for, pip aside."""
    packages = {}
    from_pip = [line for part in environment["dependencies"] if isinstance(part, dict) for line in part["pip"]]
    for line in [*environment["dependencies"], *from_pip]:
        if isinstance(line, str) and not line.startswith("-"):
            match = re.fullmatch(r"([a-z0-9-]+)\s*(.*)", line)
            assert match is not None, f"{line!r}: expected a name and a range, as in 'tqdm >=4.66,<5'"
            packages[match[1]] = SpecifierSet(match[2])
    assert packages.pop("pip", None) is not None, "conda needs pip itself in order to install the package"
    return packages


def differences(pyproject: dict[str, Any], environment: dict[str, Any]) -> list[str]:
    """One line for each package in which the two differ."""
    ours, theirs = wanted(pyproject), given(environment)
    return [
        f"{name}: pyproject.toml {ours.get(name, 'none')}, environment.yml {theirs.get(name, 'none')}"
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name) != theirs.get(name)
    ]


@pytest.fixture
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@pytest.fixture
def environment() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))


def test_both_ask_for_the_same(pyproject, environment):
    assert differences(pyproject, environment) == []


def test_conda_installs_the_package_itself(environment):
    (from_pip,) = [part["pip"] for part in environment["dependencies"] if isinstance(part, dict)]
    assert "-e ." in from_pip


def test_every_range_has_two_ends(pyproject):
    for name, ranges in wanted(pyproject).items():
        operators = sorted(part.operator for part in ranges)
        assert operators == ([">="] if name == "python" else ["<", ">="]), name


def test_a_changed_range_is_noticed(pyproject, environment):
    pyproject["project"]["dependencies"].remove("tqdm>=4.66,<5")
    pyproject["project"]["dependencies"].append("tqdm>=4.67,<5")
    assert [line.split(":")[0] for line in differences(pyproject, environment)] == ["tqdm"]


def test_a_package_in_one_only_is_noticed(pyproject, environment):
    pyproject["project"]["dependencies"].append("attrs>=23,<30")
    environment["dependencies"].append("colorama >=0.4,<1")
    assert [line.split(":")[0] for line in differences(pyproject, environment)] == ["attrs", "colorama"]
