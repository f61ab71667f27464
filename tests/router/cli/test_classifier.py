"""`turnout classifier`: the shipped card is shown; missing data and folders are said with the remedy."""

import gzip
import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from classifiers.artefact import shipped
from classifiers.ask_model import shipped as ask_model
from router.cli.main import app
from router.errors import Misconfigured
from router.training.calibration_chart import draw
from router.training.dataset import read, rows
from router.training.e5_encoder import read_encoder
from router.training.envelopes import ENVELOPES

ROOT = Path(__file__).parents[3]
CARD = (ROOT / "docs" / "classifier.md").read_text()
ASK = 'def add(a, b):\n    """Add two numbers.\n    >>> add(1, 2)\n    3\n    """\n'


def test_the_shipped_card_is_shown():
    text_output = CliRunner().invoke(app, ["classifier", "show"])
    assert text_output.exit_code == 0
    assert f"ships: {shipped().card['ships']}" in text_output.output
    json_output = CliRunner().invoke(app, ["classifier", "show", "--json"])
    assert json.loads(json_output.output) == shipped().card


def test_the_card_of_the_model_that_reads_asks_is_shown():
    card = ask_model().card
    text_output = CliRunner().invoke(app, ["classifier", "show", "--asks"])
    assert f"Trained on {card['rows']} asks of {card['kinds']} kinds" in " ".join(text_output.output.split())
    json_output = CliRunner().invoke(app, ["classifier", "show", "--asks", "--json"])
    assert json.loads(json_output.output) == card
    assert f"{card['rows']:,} asks of {card['kinds']} kinds" in " ".join(CARD.split())


def test_a_file_that_is_no_ask_model_is_refused(tmp_path):
    (tmp_path / "x.npz").write_text("{}")
    result = CliRunner().invoke(app, ["classifier", "show", "--asks", "--file", str(tmp_path / "x.npz")])
    assert isinstance(result.exception, Misconfigured)
    assert "cannot be read" in str(result.exception)


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed here")
def test_without_torch_training_says_what_to_install(tmp_path):
    result = CliRunner().invoke(app, ["classifier", "train-asks", "--encoder", str(tmp_path / "e5.bin")])
    assert isinstance(result.exception, Misconfigured)
    assert "pip install torch" in str(result.exception)


@pytest.mark.parametrize("content", [None, b"", b"GGUF"])
def test_another_file_than_the_encoders_is_refused(tmp_path, content):
    path = tmp_path / "e5-small-q4.bin"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Misconfigured, match="--encoder: "):
        read_encoder(path)


def test_the_card_in_the_docs_gives_the_shipped_figures():
    for score in shipped().card["scores"]:
        figures = " | ".join(f"{score[key]:.3f}" for key in ("log_loss", "brier", "auc"))
        assert f"{score['name']} | {figures}" in CARD.replace("**", "")
    assert shipped().card["data"] in CARD


def test_the_picture_is_of_the_shipped_one():
    drawn = draw(shipped().card["calibration"])
    assert (ROOT / "docs" / "classifier-calibration.svg").read_text() == drawn


def test_missing_data_is_said_with_the_path(tmp_path):
    with pytest.raises(Misconfigured, match=r"--data: there is no .*evalperf.*docs/classifier\.md"):
        rows(tmp_path)


def test_a_missing_folder_for_the_result_is_said_before_the_work(tmp_path):
    out = tmp_path / "none" / "model.json"
    done = CliRunner().invoke(app, ["classifier", "train", "--data", str(tmp_path), "--out", str(out)])
    assert isinstance(done.exception, Misconfigured)
    assert "--out: there is no folder" in str(done.exception)


@pytest.mark.parametrize("name", list(ENVELOPES))
def test_an_ask_is_read_the_same_through_every_shape(name):
    bare, wrapped = read(ENVELOPES["bare"], ASK), read(ENVELOPES[name], ASK)
    assert (wrapped.ask, wrapped.kind, wrapped.files, wrapped.turns) == (bare.ask, "ask", 0, 1)


def test_rows_of_the_published_outcomes(shared_data):
    with gzip.open(shared_data / "swebench_verified" / "outcomes.csv.gz", "rt") as file:
        assert len(file.readlines()) == 501
    examples = rows(shared_data)
    assert {row.source for row in examples} == {"humaneval", "mbpp", "exercism", "swebench", "runs"}
    alone = sum(row.weight for row in examples if row.source in {"humaneval", "mbpp", "exercism"})
    assert alone == pytest.approx(0.5)
    assert sum(row.weight for row in examples) == pytest.approx(1)
    assert all(0 <= row.label <= 1 for row in examples)
