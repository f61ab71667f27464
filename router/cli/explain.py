"""`turnout explain`: where a request would go, and what would change that."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policies.decision import State
from router.cli.completion import complete_policy
from router.cli.render import make_console, show_explanation
from router.errors import Misconfigured
from router.settings import Settings, load_settings
from router.types import DialectName

if TYPE_CHECKING:
    from classifiers.features import Features
    from router.routing.planner import Planner


def explain(
    file: Annotated[str, typer.Argument(help="A request body as JSON; - for standard input.")],
    policy: Annotated[
        str | None,
        typer.Option(help="A shipped policy's name or a YAML file.", autocompletion=complete_policy),
    ] = None,
    dialect: Annotated[
        DialectName | None,
        typer.Option(help="The body's dialect; default: detected from its fields."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what is read from a request, each rule's result and the decision. Nothing is sent.

    Example: [bold]turnout explain request.json --policy local-first[/bold]
    """
    from router.accounts.keys import Keyring
    from router.app.request import make_request, read_outline
    from router.wire import detect_dialect

    body = _read(file)
    dialect = dialect or detect_dialect(body)
    request = make_request(
        dialect=dialect,
        operation="generate",
        outline=read_outline(dialect, body),
        headers=(),
        query="",
        account=Keyring().anonymous,
    )
    explanation = _planner(load_settings(policy=policy)).explain(request)
    if as_json:
        typer.echo(json.dumps(explanation, ensure_ascii=False))
    else:
        show_explanation(explanation, make_console())


def _planner(settings: Settings) -> "Planner":
    from policies.load import PolicyHolder
    from router.features.extractor import FeatureExtractor
    from router.routing.classifier import load_classifier, make_ask_reader
    from router.routing.planner import Planner
    from router.routing.sticky_sessions import StickySessions

    policies = PolicyHolder(settings.policy)
    extractor = FeatureExtractor(asks=make_ask_reader(settings))
    return Planner(
        extractor=extractor,
        classifier=load_classifier(settings),
        policies=policies,
        tracks=_IdleTracks(settings),
        sessions=StickySessions(),
    )


class _IdleTracks:
    """Both tracks up, with empty queues."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.local

    def state(self, features: "Features") -> State:
        """Return the context window from the settings, else from the model's file."""
        from router.engine.catalog import resolve

        del features
        context = self._settings.context
        if not context and not self._settings.url:
            context = resolve(self._settings.model).context
        return State(local_context=context, local_model=self._settings.name)


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    path = Path(file)
    if not path.is_file():
        raise Misconfigured(
            f"FILE: there is no file {file!r}; give a request body as JSON, or - for standard input"
        )
    return path.read_bytes()
