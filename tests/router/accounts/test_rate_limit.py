import pytest

from router.accounts.rate_limit import RateLimiter
from router.accounts.teams import Account, Rate
from router.errors import RateLimited


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_requests_flow_back() -> None:
    clock = Clock()
    rates = RateLimiter(clock)
    account = Account(rates=(Rate(scope="team:web", requests=6, tokens=None),))
    for _ in range(6):
        rates.take_request(account)
    with pytest.raises(RateLimited, match="6 requests per minute") as refused:
        rates.take_request(account)
    assert refused.value.retry_after == pytest.approx(10)
    clock.now += 10
    rates.take_request(account)
    with pytest.raises(RateLimited):
        rates.take_request(account)
    clock.now += 3600  # no more than a minute's worth gathers
    for _ in range(6):
        rates.take_request(account)
    with pytest.raises(RateLimited):
        rates.take_request(account)


def test_tokens_of_an_answer_count_when_it_is_there() -> None:
    clock = Clock()
    rates = RateLimiter(clock)
    account = Account(rates=(Rate(scope="key:k", requests=None, tokens=600),))
    rates.take_tokens(account, 100)
    rates.add_tokens(account, 1100)
    with pytest.raises(RateLimited, match="this key may use 600 tokens") as refused:
        rates.take_tokens(account, 100)
    assert refused.value.retry_after == pytest.approx(70)
    clock.now += 71
    rates.take_tokens(account, 100)


def test_a_prompt_beyond_the_limit_waits_and_is_then_served() -> None:
    clock = Clock()
    rates = RateLimiter(clock)
    account = Account(rates=(Rate(scope="key:k", requests=None, tokens=600),))
    rates.take_tokens(account, 5000)
    with pytest.raises(RateLimited):
        rates.take_tokens(account, 1)
    clock.now += 441
    rates.take_tokens(account, 1)


def test_a_refusal_takes_nothing_from_the_other_limit() -> None:
    rates = RateLimiter(Clock())
    team = Rate(scope="team:web", requests=3, tokens=None)
    tight = Account(rates=(Rate(scope="key:k", requests=1, tokens=None), team))
    rates.take_request(tight)
    for _ in range(5):
        with pytest.raises(RateLimited, match="this key"):
            rates.take_request(tight)
    rates.take_request(Account(rates=(team,)))
    rates.take_request(Account(rates=(team,)))
