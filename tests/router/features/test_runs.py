"""Every prefix of recorded agent runs: what is read in steps is what is read at once."""

import statistics

from router.features.extractor import FeatureExtractor


def test_incremental_equals_from_scratch(runs, prefixes, request_of):
    kept = FeatureExtractor(count_bytes=1 << 30)
    for run in runs[:3]:
        for body, _ in prefixes(run)[::3]:
            request = request_of(body, dialect="openai_chat")
            assert kept.read(request) == FeatureExtractor(count_bytes=1 << 30).read(request)


def test_interleaved_and_forgetful_equals_from_scratch(runs, prefixes, request_of):
    forgetful = FeatureExtractor(entries=150, cache_bytes=150_000, count_bytes=1 << 30)
    steps = zip(*(prefixes(run)[:36] for run in runs[3:6]), strict=False)
    for body, _ in (one for step in list(steps)[::5] for one in step):
        request = request_of(body, dialect="openai_chat")
        assert forgetful.read(request) == FeatureExtractor(count_bytes=1 << 30).read(request)


def test_tokens_are_near_what_the_model_reported(runs, prefixes, request_of):
    reader = FeatureExtractor(count_bytes=1 << 30)
    ratios = []
    for run in runs[:8]:
        body, reported = prefixes(run)[-2]
        ratios.append(reader.read(request_of(body, dialect="openai_chat")).context_tokens / reported)
    assert 0.8 <= statistics.median(ratios) <= 1.2
    assert all(0.7 <= ratio <= 1.3 for ratio in ratios)


def test_last_requests_are_long_agent_turns(runs, prefixes, request_of):
    reader = FeatureExtractor(count_bytes=0)
    for run in runs:
        body, _ = prefixes(run)[-1]
        features = reader.read(request_of(body, dialect="openai_chat"))
        assert (features.client, features.kind, features.turns) == ("mini-swe-agent", "agent", 1)
        assert features.turn_calls == sum(message["role"] == "assistant" for message in body["messages"])
        assert features.files >= 4
        assert features.files_edited >= 1
