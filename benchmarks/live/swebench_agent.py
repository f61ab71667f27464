"""One instance of SWE-bench, worked on by mini-SWE-agent: a program of its own, in its environment.

It reads a job as JSON from stdin and writes what came of it, as JSON, to the file that the job names.
It imports nothing of Turnout, because mini-SWE-agent lives in another virtual environment.
The key is in no variable and in no trajectory: the agent's own commands could read it there.
"""

import json
import sys
from pathlib import Path
from typing import Any

Call = dict[str, Any]
_PROVIDERS = "llm_provider-"
"""What litellm puts before the names of an answer's own header fields."""


def _work(job: dict[str, Any], calls: list[Call]) -> dict[str, Any]:
    """Let the agent work; `calls` is filled as it goes."""
    import litellm
    from minisweagent.agents.default import DefaultAgent  # type: ignore[import-not-found]
    from minisweagent.config import (  # type: ignore[import-not-found]
        builtin_config_dir,
        get_config_from_spec,
    )
    from minisweagent.environments import get_environment  # type: ignore[import-not-found]
    from minisweagent.models.litellm_model import LitellmModel  # type: ignore[import-not-found]

    litellm.openai_key = job["key"]

    class Model(LitellmModel):  # type: ignore[misc]
        """Writes down each call's usage and who served it."""

        def _query(self, messages: list[dict[str, str]], **options: Any) -> Any:
            response = super()._query(messages, **options)
            calls.append(_call(response))
            return response

    config = get_config_from_spec(builtin_config_dir / "benchmarks" / "swebench.yaml")
    config["environment"] |= job["environment"]
    config["model"] |= job["model"]
    config["agent"] |= job["agent"]
    workplace = config["environment"]["cwd"]
    config["agent"]["instance_template"] = config["agent"]["instance_template"].replace("/testbed", workplace)
    model = Model(**{name: value for name, value in config["model"].items() if name != "model_class"})
    agent = DefaultAgent(model, get_environment(config["environment"]), **config["agent"])
    result: dict[str, Any] = agent.run(job["task"])
    return result


def _call(response: Any) -> Call:
    """What one answer's usage and header fields say."""
    usage = response.usage.model_dump() if getattr(response, "usage", None) else {}
    fields = (getattr(response, "_hidden_params", None) or {}).get("additional_headers") or {}
    return {
        "usage": usage,
        "model": fields.get(f"{_PROVIDERS}x-turnout-model") or response.model,
        "track": fields.get(f"{_PROVIDERS}x-turnout-track") or "",
    }


def main() -> None:
    """Read the job, work, write."""
    job = json.load(sys.stdin)
    calls: list[Call] = []
    try:
        outcome = {"error": "", **_work(job, calls)}
    except (
        Exception
    ) as error:  # whatever ended the agent is the run's to count, and must not pass for a patch
        outcome = {"error": f"{type(error).__name__}: {error}"}
    result = {
        "error": outcome["error"],
        "exit_status": outcome.get("exit_status", ""),
        "submission": outcome.get("submission", ""),
        "calls": calls,
    }
    Path(job["result"]).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
