"""Where `turnout bench` looks for programs that it runs."""

from benchmarks.cli.bench import PEERS
from benchmarks.cli.run_swebench import AGENT
from benchmarks.installed import interpreter
from router.system.subprocesses import ROOT


def test_no_interpreter_is_taken_from_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in (PEERS, AGENT):
        python = interpreter("litellm", folder)
        assert python.is_absolute()
        assert python.is_relative_to(ROOT)
