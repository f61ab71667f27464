"""UncommonRoute: three tiers, from votes on the conversation's shape, the text's structure and its embedding.

What its proxy does with a request decides, without learning from it. The embedding needs
sentence-transformers, so PyTorch, and a model of a hub; without them that vote abstains, as the package
has it, and the others decide.
"""

from benchmarks.research.tier_routers import FOLDER, TierRouter

_PROGRAM = """
import json, sys, time
from uncommon_route.proxy import _classify_step, _extract_prompt, _extract_routing_features
from uncommon_route.proxy import extract_context_features
from uncommon_route.router import api


def decide(body):
    prompt, system, tokens = _extract_prompt(body)
    step, tools = _classify_step(body)
    features = _extract_routing_features(
        body, step_type=step, tool_names=tools, prompt=prompt, max_output_tokens=tokens
    )
    context = extract_context_features(body, step, prompt)
    return api.route(
        prompt, system, tokens, routing_features=features, context_features=context,
        messages=body["messages"], record_lifecycle=False,
    )


api._ensure_v2_signals()
embeds = api._v2_sig_c is not None and api._v2_sig_c._embed_fn is not None
print(json.dumps({"lacks": "" if embeds else "its embedding model"}), flush=True)
for line in sys.stdin:
    body = {"model": "uncommon-route/auto", **json.loads(line)}
    began = time.process_time()
    decision = decide(body)
    cpu_ms = (time.process_time() - began) * 1000
    reply = {"tier": decision.tier.value, "score": decision.complexity, "cpu_ms": cpu_ms}
    print(json.dumps(reply), flush=True)
"""

UNCOMMON_ROUTE = TierRouter(
    name="UncommonRoute",
    peer="uncommon-route",
    tiers=("SIMPLE", "MEDIUM", "COMPLEX"),
    program=_PROGRAM,
    environment={"UNCOMMON_ROUTE_DATA_DIR": FOLDER, "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"},
)
