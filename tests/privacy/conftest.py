"""Endpoints under a policy that protects files and words, one per dialect, with a team per variant."""

import pytest
from judge import Fence
from targets import POLICY

from router.billing.prices import Prices
from router.ledger.store import LedgerStore

TEAMS = 200
"""What one variant taints stays with its team: the next variant asks as another."""


@pytest.fixture(scope="module")
def start_fence(start_endpoint, start_scripted, tmp_path_factory):
    """Starts one endpoint per dialect, in front of one scripted provider and one scripted local model."""

    def start(policy: str = POLICY) -> Fence:
        folder = tmp_path_factory.mktemp("fence")
        (folder / "policy.yaml").write_text(policy)
        ledger = LedgerStore.open(folder / "ledger.db", prices=Prices(), write=False)
        keys = [ledger.accounts.create_key(team=f"team{number}").secret for number in range(TEAMS)]
        ledger.close()
        upstream, nearby = start_scripted(), start_scripted()
        common = {
            "POLICY": str(folder / "policy.yaml"),
            "LEDGER": str(folder / "ledger.db"),
            "CLOUD__BASE_URL": upstream.url,
            "LOCAL__URL": nearby.url + "/v1",
            "LOCAL__NAME": "nearby",
        }

        def endpoints():
            return {
                "messages": start_endpoint(**common),
                "chat": start_endpoint(
                    **common | {"CLOUD__DIALECT": "openai", "CLOUD__BASE_URL": upstream.url + "/v1"}
                ),
            }

        return Fence(endpoints=endpoints(), upstream=upstream, keys=keys, start=endpoints)

    return start


@pytest.fixture(scope="module")
def fence(start_fence):
    return start_fence()
