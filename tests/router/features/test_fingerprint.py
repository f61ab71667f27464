"""The digest of the reading: the same everywhere, another where requests are read otherwise."""

import os
import subprocess
import sys

from classifiers.features import Features
from router.features.clients import Clients
from router.features.extractor import FeatureExtractor
from router.features.fingerprint import digest_of, probes, reading_digest


def test_it_is_the_same_in_every_process():
    program = "from router.features.fingerprint import reading_digest; print(reading_digest())"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.strip() == reading_digest()
    assert len(reading_digest()) == 8


def test_it_does_not_depend_on_what_was_read_before():
    extractor = FeatureExtractor(count_bytes=0)
    assert digest_of(extractor) == digest_of(extractor) == reading_digest()


def test_another_reading_has_another_name():
    assert digest_of(FeatureExtractor(count_bytes=0, clients=Clients(rows=()))) != reading_digest()


def test_its_requests_touch_every_feature_that_a_policy_sees():
    """What no request of the set moves could change unnoticed."""
    extractor = FeatureExtractor(count_bytes=0)
    read = [extractor.read(request) for request in probes()]
    asleep = {
        name
        for name in Features.__slots__
        if all(getattr(features, name) == getattr(Features(), name) for features in read)
    }
    assert asleep == {"self_contained"}  # for which the digest of the numbers that read asks stands
    assert {features.kind for features in read} >= {
        "ask",
        "agent",
        "housekeeping",
        "subagent",
        "count",
        "guard",
    }
