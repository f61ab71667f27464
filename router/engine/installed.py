"""Whether llama.cpp is installed: optional, since `local.url` can name a server of one's own.

Only whether it is there is looked at here; to load it takes seconds, and belongs in a process of its own.
"""

import importlib
from importlib.util import find_spec

from router.errors import Misconfigured

PACKAGE = "llama_cpp"
MISSING = (
    "llama.cpp is not installed: `make run ENGINE=llama.cpp` compiles it, without make `pip install "
    "llama-cpp-python`; or set local.url (TURNOUT_LOCAL__URL) to a server of yours, such as Ollama's"
)


def engine_problem() -> str:
    """What is missing, and the remedy; empty where llama.cpp is installed."""
    return "" if find_spec(PACKAGE) else MISSING


def load_library() -> None:
    """Load llama.cpp into this process.

    Raises:
        Misconfigured: it is missing, or a library that it needs is; says the remedy.
    """
    if problem := engine_problem():
        raise Misconfigured(problem)
    try:
        importlib.import_module(PACKAGE)
    except (ImportError, OSError, RuntimeError) as error:
        raise Misconfigured(
            f"llama.cpp does not load ({error}): it was compiled for another machine or card; compile it "
            "for this one, such as `make run GPU=none`, or install what it names"
        ) from error
