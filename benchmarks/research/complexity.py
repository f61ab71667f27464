"""LiteLLM's complexity routers: those of its classifiers that call no model.

Its own hook decides, as in its proxy, with the settings it ships: default weights, boundaries and thresholds.
Only the four tiers are given a model each, named after the tier. It calls no model and no address.
"""

from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.research.tier_routers import Tier, TierRouter

TIERS: tuple[Tier, ...] = ("SIMPLE", "MEDIUM", "COMPLEX", "REASONING")
_ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
)
_PROGRAM = """
import asyncio, json, sys, time
from litellm import Router

settings = json.loads(sys.argv[1])
models = [
    {"model_name": tier, "litellm_params": {"model": "openai/" + tier, "api_key": "none"}}
    for tier in settings["tiers"]
]
auto = {
    "model": "auto_router/complexity_router",
    "complexity_router_config": {
        "classifier_type": settings["classifier_type"],
        "tiers": {tier: tier for tier in settings["tiers"]},
    },
}
router = Router(model_list=[*models, {"model_name": "auto", "litellm_params": auto}])
hook = router.complexity_routers["auto"][0].strategy.async_pre_routing_hook


def score(decision):
    # The trained classifier forecasts how often each tier suffices; the other one gives a weighted sum.
    forecast = decision.get("heuristic_v2_forecast")
    return 1 - forecast["probabilities"]["MEDIUM"] if forecast else decision.get("score") or 0.0


async def main():
    print(json.dumps({"lacks": ""}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        fields = {"tools": request["tools"]} if request["tools"] else {}
        began = time.process_time()
        response = await hook("auto", fields, request["messages"])
        cpu_ms = (time.process_time() - began) * 1000
        decision = response.routing_decision
        print(json.dumps({"tier": response.model, "score": score(decision), "cpu_ms": cpu_ms}), flush=True)


asyncio.run(main())
"""


def _router(name: str, classifier_type: str) -> TierRouter:
    return TierRouter(
        name=name,
        peer="litellm",
        tiers=TIERS,
        program=_PROGRAM,
        settings={"classifier_type": classifier_type, "tiers": TIERS},
        environment=_ENVIRONMENT,
    )


HEURISTIC = _router("LiteLLM, heuristic", "heuristic")
"""Weighted rules; its default."""
HEURISTIC_V2 = _router("LiteLLM, heuristic_v2", "heuristic_v2")
"""Trained on UltraFeedback; it picks the first tier that it forecasts to suffice."""
