"""Conditions: numbers mix freely, names are found, and evaluating is what CEL says."""

import subprocess
import sys

import pytest

from classifiers.features import Features
from classifiers.verdict import Verdict
from policies.conditions import bind, canonical, compile_condition
from policies.decide import State
from policies.variables import READERS, Inputs, sample, values

SAMPLE = sample({"most": 4.0, "share": 0.5})


@pytest.mark.parametrize(
    ("source", "files", "expected"),
    [
        ("files >= 4", 4, True),
        ("files >= 4", 3, False),
        ("files == 4", 4, True),
        ("files in [1, 4]", 4, True),
        ("files + 1 > params.most", 4, True),
        ("files * params.share == 2", 4, True),
        ("files / 3 > 1.3", 4, True),
        ("files - 1 < 1e1", 4, True),
        ("-files < 0", 4, True),
        ("int(files) % int(2) == 0", 4, True),
        ("client == '4' || files > 3", 4, True),
        ('client == "files > 3"', 4, False),
        ("double(size(client)) + 1 > 2", 4, True),
    ],
)
def test_numbers_mix_freely(source, files, expected):
    condition = compile_condition(source, SAMPLE)
    assert condition.holds(bind(sample({"most": 4.0, "share": 0.5}) | {"files": float(files)})) is expected


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("files > 1 && local.up && files < 9", ("files", "local.up")),
        ("client.startsWith('claude')", ("client",)),
        ("last.track.startsWith('cl')", ("last.track",)),
        ("['a'].exists(one, one == client)", ("client",)),
        ("kind in ['files', 'params.most']", ("kind",)),
        ("true", ()),
        ("params . most > 1", ("params.most",)),
    ],
)
def test_names(source, names):
    assert compile_condition(source, SAMPLE).names == names


def test_canonical_differs_in_spaces_only():
    assert canonical("a>1&&b") == canonical(" a > 1  && b ")
    assert canonical("a > 1") != canonical("a > 2")


def test_every_variable_has_a_value_of_its_type():
    inputs = Inputs(
        features=Features(files=3),
        verdict=Verdict(p_local=0.5, kind="question", why=""),
        state=State(),
        params={"most": 4.0},
        team="web",
        user="ann",
    )
    variables = values(READERS, inputs)
    assert variables["files"] == 3.0
    assert isinstance(variables["files"], float)
    assert variables["server_tools"] is False
    assert (variables["work"], variables["team"], variables["user"]) == ("question", "web", "ann")
    assert variables["last"] == {"track": "", "rule": ""}
    assert variables["local"] == {"context": 0.0, "wait_s": 0.0, "up": True, "vision": False, "audio": False}
    assert not {"paths"} & set(variables)


def test_starting_up_does_not_load_the_interactive_shell_of_cel():
    program = (
        "import sys, policies.load; policies.load.load('balanced'); print('prompt_toolkit' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_the_package_cel_can_still_be_imported_beside_it():
    program = "import policies.load, cel; print(cel.evaluate('1 + 1'))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "2"


def test_and_before_it():
    program = "import cel, policies.load; print(policies.load.load('balanced').name)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "balanced"
