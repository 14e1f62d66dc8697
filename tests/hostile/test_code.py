"""What the product's own code never does, whatever the data says: run it, unpickle it, hand it to a shell."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("energy_fixtures", "reports", "benchmarks", "tools", "perf")

IMPORTS = {
    "pickle",
    "cPickle",
    "_pickle",
    "cloudpickle",
    "dill",
    "joblib",
    "shelve",
    "marshal",
    "yaml",
    "code",
    "codeop",
}
"""Modules that make objects or code of bytes. Ray and scikit-learn pickle inside themselves: docs/security.md."""

BUILTINS = {"eval", "exec", "compile", "__import__"}

CALLS = {
    *("os.system", "os.popen", "os.execl", "subprocess.getoutput", "subprocess.getstatusoutput", "tempfile.mktemp"),
    *(
        "torch.load",
        "numpy.load",
        "np.load",
        "pandas.read_pickle",
        "pl.DataFrame.deserialize",
        "ssl._create_unverified_context",
    ),
}

KEYWORDS = {"shell": True, "allow_pickle": True, "trust_remote_code": True, "verify": False, "weights_only": False}


def dotted(node: ast.expr) -> str:
    """`os.path.join` of the expression that says so; "" of any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def offences(source: str) -> Iterator[str]:
    """Every forbidden word of a file, with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            names = []
        yield from (f"line {node.lineno}: import {name}" for name in names if name.split(".")[0] in IMPORTS)
        if isinstance(node, ast.Call):
            called = dotted(node.func)
            if called in CALLS or called in BUILTINS:
                yield f"line {node.lineno}: {called}()"
            for keyword in node.keywords:
                said = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
                if keyword.arg in KEYWORDS and said is KEYWORDS[keyword.arg]:
                    yield f"line {node.lineno}: {keyword.arg}={said}"


def test_nothing_is_unpickled_evaluated_or_given_to_a_shell() -> None:
    """No file of the product, its tools or its benchmarks holds any of these words."""
    files = [ROOT / "conftest.py", *(file for folder in PRODUCT for file in sorted((ROOT / folder).rglob("*.py")))]
    found = [f"{file.relative_to(ROOT)} {said}" for file in files for said in offences(file.read_text())]
    assert len(files) > 200
    assert found == []


@pytest.mark.parametrize(
    "bad",
    [
        "import pickle",
        "from yaml import load",
        "eval('1')",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import os\nos.system('ls')",
        "load(x, trust_remote_code=True)",
        "torch.load('x')",
        "def f():\n    from cloudpickle import loads",
    ],
)
def test_the_search_finds_what_it_looks_for(bad: str) -> None:
    """Each kind of offence is found when it is there."""
    assert list(offences(bad))


def test_the_search_lets_pass_what_only_sounds_alike() -> None:
    """A model's `.eval()` and a compiled pattern are no evaluation."""
    assert (
        list(offences("import re\nmodel.eval()\nre.compile('x')\nrun(x, trust_remote_code=model.trusted, shell=False)"))
        == []
    )
