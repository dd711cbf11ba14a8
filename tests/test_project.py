"""The project's own files agree with each other: one version, the same tools everywhere."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import chainrule

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


# -------------------------------------------------------------------------------- one version
def test_the_version_stands_in_one_place():
    assert "version" not in PROJECT
    assert PROJECT["dynamic"] == ["version"]
    source = PYPROJECT["tool"]["hatch"]["version"]["path"]
    assert re.findall(r'^__version__ = "(.+)"$', text(source), re.MULTILINE) == [chainrule.__version__]


def test_the_installed_version_is_the_codes():
    installed = metadata.distribution("chainrule")
    if '"editable": true' in (installed.read_text("direct_url.json") or ""):
        pytest.skip("an editable install keeps the version of the day it was installed")
    assert installed.version == chainrule.__version__


# -------------------------------------------------------------------------------- the same tools everywhere
def test_lint_tools_are_pinned_to_exact_versions():
    assert {re.split("[=<>~]", wanted)[0] for wanted in PROJECT["optional-dependencies"]["lint"]} == {"ruff", "pyright"}
    assert all(re.fullmatch(r"\w+==[\d.]+", wanted) for wanted in PROJECT["optional-dependencies"]["lint"])


def test_the_hooks_before_a_commit_use_the_pinned_ruff():
    (hook,) = re.findall(r"ruff-pre-commit\n +rev: v([\d.]+)\n", text(".pre-commit-config.yaml"))
    assert f"ruff=={hook}" in PROJECT["optional-dependencies"]["lint"]


def test_tests_run_on_the_oldest_python_that_is_supported():
    (oldest,) = re.findall(r'python: \["([\d.]+)"', text(".github/workflows/ci.yml"))
    assert PROJECT["requires-python"] == f">={oldest}"


def test_files_left_out_of_coverage_exist():
    omitted = PYPROJECT["tool"]["coverage"]["run"]["omit"]
    assert [pattern for pattern in omitted if not list(ROOT.glob(pattern))] == []
