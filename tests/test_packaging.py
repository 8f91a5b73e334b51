"""What an installed taylorad promises before any mathematics."""

import inspect
import subprocess
import sys
from importlib import import_module, resources
from pathlib import Path

import pytest

import taylorad as ta

ROOT = Path(__file__).parents[1]
LAYOUT = [
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    ".ci/run",
    "taylorad",
    "tests",
    "examples/demo.py",
    "docs/conf.py",
    "benchmarks",
]
HEAVY = ["scipy.special", "scipy.optimize", "mpmath", "llvmlite", "matplotlib"]


PUBLIC = [
    f"{module}.{name}"
    for module in [
        "taylorad",
        "taylorad.testing",
        "taylorad.optimize",
        "taylorad.ode",
        "taylorad.precondition",
    ]
    for name in import_module(module).__all__
    if not name.startswith("__")
]


def resolve(path):
    module, name = path.rsplit(".", 1)
    return getattr(import_module(module), name)


@pytest.mark.parametrize("path", LAYOUT)
def test_layout(path):
    assert (ROOT / path).exists()


def test_types_are_declared():
    assert resources.files(ta).joinpath("py.typed").is_file()


def test_import_leaves_heavy_modules_alone():
    # A fresh process: this one has loaded them for other tests.
    code = f"import sys, taylorad; print([m for m in {HEAVY} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("path", PUBLIC)
def test_public_name_is_documented(path):
    thing = resolve(path)
    doc = inspect.getdoc(thing)
    assert doc
    if not inspect.ismodule(thing):
        assert "\nExamples\n--------\n" in doc


@pytest.mark.parametrize("path", PUBLIC)
def test_public_name_is_in_the_reference(path):
    if inspect.ismodule(resolve(path)):
        pytest.skip("its names have their own entries")
    module, name = path.rsplit(".", 1)
    pages = [page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md")]
    assert any(
        f".. currentmodule:: {module}\n" in page and f":: {name}\n" in page for page in pages
    )
