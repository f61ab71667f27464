"""Clients that take variables alone, or keep nothing in a file that could be written."""

from router.connect.client import CHAT, MODEL, Client, Launch, Target, enter

OPENHANDS = Client(
    name="openhands",
    title="OpenHands",
    speaks=CHAT,
    programs=("openhands",),
    install="uv tool install openhands --python 3.12",
    signs=lambda machine: (machine.home / ".openhands",),
    steps=lambda target: (
        (
            "OpenHands writes its settings itself: type /settings in its command line, or open Settings, "
            "LLM in "
            "the browser, and switch on `Advanced`."
        ),
        enter(target, model=f"openai/{MODEL}"),
        "In a container 127.0.0.1 is the container itself: write host.docker.internal in its place.",
    ),
    launch=lambda _, target: Launch(
        variables={
            "LLM_MODEL": f"openai/{MODEL}",
            "LLM_BASE_URL": target.v1,
            "LLM_API_KEY": target.secret,
        },
        flags=("--override-with-envs",),
    ),
)


def _copilot_variables(target: Target) -> dict[str, str]:
    return {
        "COPILOT_MODEL": MODEL,
        "COPILOT_PROVIDER_API_KEY": target.secret,
        "COPILOT_PROVIDER_BASE_URL": target.v1,
        "COPILOT_PROVIDER_TYPE": "openai",
    }


COPILOT = Client(
    name="copilot",
    aliases=("copilot-cli",),
    title="GitHub Copilot CLI",
    speaks=CHAT,
    programs=("copilot",),
    install="npm install -g @github/copilot",
    variables=_copilot_variables,
    launch=lambda _, target: Launch(variables=_copilot_variables(target)),
)
OPENAI = Client(
    name="openai",
    title="anything that speaks OpenAI chat",
    speaks=CHAT,
    variables=lambda target: {
        "OPENAI_BASE_URL": target.v1,
        "OPENAI_API_BASE": target.v1,
        "OPENAI_API_KEY": target.secret,
    },
)
ANTHROPIC = Client(
    name="anthropic",
    title="anything that speaks Anthropic Messages",
    speaks="/v1/messages",
    variables=lambda target: {"ANTHROPIC_BASE_URL": target.url, "ANTHROPIC_API_KEY": target.secret},
)
OLLAMA = Client(
    name="ollama",
    title="anything that speaks Ollama's API",
    speaks="/api/chat",
    variables=lambda target: {"OLLAMA_HOST": target.url},
)
