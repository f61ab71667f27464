"""`turnout serve`: start the endpoint and print the next steps."""

import shlex
import shutil
import sysconfig
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from router.accounts.keys import exposure_problem
from router.cli.completion import complete_policy
from router.errors import Misconfigured
from router.settings import CloudSettings, Settings, load_settings, parse_listen
from router.system.listener import bind

if TYPE_CHECKING:
    from router.tracks.cloud_provider import CloudProvider
    from router.tracks.local_server import LocalServer
    from router.tracks.upstreams import Upstreams

GREETING = """\
[bold]Turnout[/bold] listens on [bold]{url}[/bold]   policy [bold]{policy}[/bold]
  local  {local}
  cloud  {cloud}

Next, in another terminal:
  {turnout} code{at} aider   or claude, codex, opencode, ...
  {turnout} connect aider{at}   for good; --undo takes it back
  curl -i {url}/v1/chat/completions -H 'content-type: application/json' -d '{{
    "model": "auto", "max_tokens": 80,
    "messages": [{{"role": "user", "content": "Write a Python function that adds two numbers"}}]}}'

Why did it go there?  {turnout} explain request.json
Dashboard: {url}/dashboard     Health: {url}/health"""


def serve(  # noqa: PLR0917 - typer reads options from the parameters
    listen: Annotated[str | None, typer.Option(help="Address and port; default: 127.0.0.1:4747.")] = None,
    policy: Annotated[
        str | None,
        typer.Option(help="A shipped policy's name or a YAML file.", autocompletion=complete_policy),
    ] = None,
    ledger: Annotated[str | None, typer.Option(help="A SQLite file or a database URL.")] = None,
    local_model: Annotated[str | None, typer.Option(help="A GGUF file for the local track.")] = None,
    config: Annotated[
        str | None, typer.Option(help="The only settings file; default: ./turnout.yaml, then your own.")
    ] = None,
    require_check: Annotated[
        bool,
        typer.Option("--require-check", help="Serve no policy without a passing `policy check --publish`."),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No next steps and no line for each request; warnings stay.")
    ] = False,
) -> None:
    """Start the endpoint.

    Example: [bold]turnout serve --policy quality-first --local-model ~/models/qwen2.5-coder-14b.gguf[/bold]
    """
    local = {"model": local_model} if local_model else None
    settings = load_settings(
        config,
        listen=listen,
        policy=policy,
        ledger=ledger,
        local=local,
        require_check=require_check or None,
        log_level="warning" if quiet else None,
    )
    host, port = parse_listen(settings.listen)

    import uvicorn

    from router.app.connections import BACKLOG, IDLE_S, ConnectionRegistry
    from router.app.http_protocol import make_protocol_class
    from router.engine.catalog import resolve
    from router.service import Service
    from router.telemetry.logs import configure
    from router.tracks.upstreams import find_upstreams

    if not settings.local.url:
        resolve(settings.local.model)  # reports a bad file in one line, before anything listens
    configure(settings.log_level, settings.log_format)
    service = Service(settings)
    connections = ConnectionRegistry.of(settings)
    listener = bind(host, port)
    if problem := exposure_problem(host, service.keyring):
        listener.close()
        raise Misconfigured(problem)
    listener.listen(BACKLOG)
    url = f"http://{_format_host(host)}:{listener.getsockname()[1]}"
    _greet(settings, find_upstreams(settings, service.clearance), url=url, quiet=quiet)
    uvicorn.Server(
        uvicorn.Config(
            service.app,
            http=make_protocol_class(connections),
            ws="none",
            backlog=BACKLOG,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=IDLE_S,
            timeout_graceful_shutdown=5,
        )
    ).run(sockets=[listener])


def _format_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _greet(settings: Settings, upstreams: "Upstreams", *, url: str, quiet: bool) -> None:
    greeting = GREETING.partition("\n\n")[0] if quiet else GREETING
    at = "" if url == f"http://{Settings.model_fields['listen'].default}" else f" --url {url}"
    texts = {
        "url": escape(url),
        "at": escape(at),
        "turnout": escape(_command()),
        **_tracks(settings, upstreams),
    }
    Console(soft_wrap=True).print(greeting.format(**texts), highlight=False)


def _command() -> str:
    """`turnout`, or its whole path where a shell would not find it."""
    return "turnout" if shutil.which("turnout") else shlex.join([f"{sysconfig.get_path('scripts')}/turnout"])


def _tracks(settings: Settings, upstreams: "Upstreams") -> dict[str, str]:
    from router.engine.installed import engine_problem

    server = upstreams.server
    demo = (
        "the embedded demo model (SmolLM2-135M), whose 8,192 tokens are too few for Claude Code or Codex; "
        "TURNOUT_LOCAL__MODEL names a better one"
    )
    own = engine_problem() or settings.local.model or demo
    return {
        "policy": escape(settings.policy),
        "local": escape(_server(server) if server else own),
        "cloud": escape(_provider(settings.cloud, upstreams.provider)),
    }


def _server(server: "LocalServer") -> str:
    """What answers at `local.url`, or what is wrong there."""
    if server.abilities is None:
        tools = "tools: not told"
    else:
        tools = "calls tools" if "tools" in server.abilities else "calls no tools"
    window = f"{server.context} tokens" if server.context else "window: not told"
    model = f"{server.model} at {server.url} ({window}, {tools})" if server.model else server.url
    return f"{model}\n         {server.problem}" if server.problem else model


def _provider(cloud: CloudSettings, provider: "CloudProvider | None") -> str:
    """Who is asked with which key, and whether that works; or what is wrong, and the remedy."""
    from router.tracks.providers import address_problem, base_url, speaks_responses

    problem = provider.problem if provider else address_problem(cloud)
    proxy = f", through the proxy {provider.proxy}" if provider and provider.proxy else ""
    line = f"{cloud.model} at {base_url(cloud)} ({_credential(cloud, provider)}{proxy})"
    line += "; Responses pass as they are" if speaks_responses(cloud) else ""
    return f"{line}\n         {problem}" if problem else line


def _credential(cloud: CloudSettings, provider: "CloudProvider | None") -> str:
    """Which key the cloud is asked with; without one, what that means and what a key would add."""
    from router.tracks.credentials import has_own, remedy

    if has_own(cloud):
        tried = {"accepted": ", which is accepted", "refused": ", which is refused"}
        return f"with this machine's key{tried.get(provider.credential, '') if provider else ''}"
    if cloud.without_credential == "refuse":
        return f"no key here: refused without a client's own; {remedy(cloud)}"
    return (
        f"no key here: without a client's own, its work is done by the local model, marked degraded; "
        f"{remedy(cloud)} to have the cloud do it"
    )
