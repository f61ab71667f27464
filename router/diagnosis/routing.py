"""What decides, and the way to the provider."""

import os
from collections.abc import Iterator

from policies.policy import Policy
from policies.proof import Serving, options_of, state
from router.diagnosis.check import Check, green, red, yellow
from router.features.fingerprint import reading_digest
from router.routing.classifier import load_classifier
from router.settings import Settings
from router.system.certificates import CA_FILE, ca_problem
from router.tracks.cloud_provider import CloudProvider
from router.tracks.credentials import has_own, key_name, remedy


def check_policy(settings: Settings, policy: Policy) -> Iterator[Check]:
    """Look at the policy and its proof, by the classifier that serves."""
    serving = Serving(classifier=load_classifier(settings).name, reading=reading_digest())
    proof = state(settings.policy, policy, serving)
    if policy.warnings:
        yield yellow("policy", "; ".join(policy.warnings))
    else:
        yield green("policy", f"{policy.name}: {policy.description}".partition(". ")[0])
    if proof.proven:
        yield green("proof", proof.why)
        return
    options = options_of(serving.classifier, settings.classifier_file)
    text = f"{proof.why}: `turnout policy check {settings.policy} --publish{options}` proves it"
    if settings.require_check:
        yield red("proof", f"{text}; `require_check` serves nothing without")
    else:
        yield (yellow if policy.check.bars else green)("proof", text if policy.check.bars else proof.why)


def check_cloud(settings: Settings, provider: CloudProvider | None) -> Iterator[Check]:
    """Look at the provider, its key, and what is between."""
    if provider is None:
        yield green("cloud", "not asked: the policy lets nothing leave this machine")
        return
    cloud = settings.cloud
    if not provider.reachable:
        yield (red if has_own(cloud) else yellow)("cloud", provider.problem)
    elif provider.problem and provider.credential != "refused":
        yield yellow("cloud", provider.problem)
    else:
        yield green("cloud", f"{provider.url.partition('?')[0]} answers; asked for: {cloud.model}")
    yield _key(settings, provider)
    if provider.proxy:
        yield green("proxy", provider.proxy)
    if problem := ca_problem():
        yield yellow("certificates", problem)
    elif named := os.environ.get(CA_FILE):
        yield green("certificates", f"{CA_FILE}: {named}")


def _key(settings: Settings, provider: CloudProvider) -> Check:
    cloud = settings.cloud
    if not has_own(cloud):
        served = "local" if cloud.without_credential == "local" else "refused"
        return yellow(
            "key", f"none here: {remedy(cloud)}, or let clients send their own; without, its work is {served}"
        )
    name = key_name(cloud) or "the provider's own variable"
    if provider.credential == "refused":
        return red("key", provider.problem)
    tried = (
        "is accepted"
        if provider.credential == "accepted"
        else "is set; only a request shows whether it is accepted"
    )
    return green("key", f"{name} {tried}")
