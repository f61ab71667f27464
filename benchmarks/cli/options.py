"""Options that several commands of the gate share: one meaning, one help text, one default."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from classifiers.choose import ClassifierName
from router.cli.completion import complete_policy


class Client(StrEnum):
    """The clients whose requests are recorded."""

    bare = "bare"
    claude_code = "claude-code"
    mini_swe_agent = "mini-swe-agent"
    aider = "aider"


Policy = Annotated[
    str, typer.Argument(help="A shipped policy's name or a YAML file.", autocompletion=complete_policy)
]
AskedAs = Annotated[Client, typer.Option("--client", help="In whose words the tasks are asked.")]
Judge = Annotated[
    ClassifierName,
    typer.Option("--classifier", help="Whose verdicts the policy sees; the one that serves."),
]
JudgeFile = Annotated[
    str,
    typer.Option("--classifier-file", help="Your own numbers for it, as in the setting `classifier_file`."),
]
Outcomes = Annotated[
    Path | None,
    typer.Option(help="Your own recorded outcomes, a CSV; they go before the published ones."),
]
LocalSystem = Annotated[
    list[str] | None,
    typer.Option(
        "--local",
        help="The local system, of the published ones or of --outcomes: NAME for each suite that has it, or "
        "SUITE=NAME; several with commas.",
    ),
]
CloudSystem = Annotated[
    list[str] | None, typer.Option("--cloud", help="The cloud system, likewise, e.g. humaneval=NAME.")
]
OwnSuite = Annotated[
    Path | None,
    typer.Option(
        "--suite",
        help="Tasks of your own, JSON lines with `id` and `ask`; a suite with the file's name, all of the "
        "traffic unless --mix says otherwise.",
    ),
]
LocalContext = Annotated[int, typer.Option(min=0, help="The local window in tokens; 0 for unknown.")]
PriceModel = Annotated[str, typer.Option(help="At whose price the cloud's tokens are counted.")]
LocalUsd = Annotated[
    float, typer.Option(min=0, help="US dollars per million tokens that the local model computes.")
]
Seed = Annotated[int, typer.Option(min=0, help="What is drawn from; the same seed, the same figures.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Markdown = Annotated[Path | None, typer.Option(help="Write all of it to this Markdown file.")]
