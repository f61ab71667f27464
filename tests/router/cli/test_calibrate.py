"""A team's own classifier, from a real ledger to the endpoint that serves by it."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from classifiers.artefact import digest, dump, parse, shipped
from classifiers.features import Features, without_texts
from classifiers.refit import Scale, log_odds, probability
from classifiers.rules import RuleClassifier
from classifiers.sufficiency import READS, SufficiencyClassifier
from classifiers.verdict import Verdict
from policies.decision import Decision
from policies.privacy import Clearance
from router.accounts.teams import Account
from router.billing.prices import Prices
from router.errors import Misconfigured
from router.ledger import LedgerStore
from router.routing.classifier import load_classifier
from router.settings import Settings
from router.training.calibrate import InsufficientEvidence, refit
from router.types import ModelRequest, Outcome, Plan, Usage

TRAIN = ("classifier", "train", "--from-ledger")
SERVED = Outcome(
    track="local",
    model="nearby",
    status=200,
    usage=Usage(input=9, output=9),
    first_byte_s=0.1,
    seconds=0.2,
    attempts=(),
    end="complete",
)
TRUTH = Scale(intercept=1.6, slope=1.0)
ASKS = ("Write a function that adds.", "Fix the login bug.", "Refactor all the files across the project.")


def plan_of(number: int, team: str, features: Features, verdict: Verdict) -> Plan:
    request = ModelRequest(
        id=f"r{number}",
        account=Account(team=team, user="ana"),
        dialect="openai_chat",
        operation="generate",
        client="pi",
        model="auto",
        stream=False,
        body=b"{}",
        headers=(),
    )
    return Plan(
        request=request,
        features=replace(features, conversation=f"c{number}", turns=1, kind="ask"),
        verdict=verdict,
        decision=Decision(track="local", rule="self-contained", why="", p_local=verdict.p_local),
        clearance=Clearance(allowed=True),
        policy="balanced",
        classifier=verdict.by,
        overhead_s=0.0004,
    )


def fill(path: Path, turns: int, judge, *, good: Callable[[float], float], team: str = "web") -> Path:
    """A ledger of judged turns; `good` is the probability of a good verdict at the shipped log-odds."""
    drawn = random.Random(5)
    store = LedgerStore.open(path, prices=Prices())
    verdicts = {}
    for number in range(turns):
        features = Features(ask=drawn.choice(ASKS), tool_calls=drawn.choice((0, 0, 12, 30)))
        odds = log_odds(SufficiencyClassifier().classify(features).p_local)
        store.begin(plan_of(number, team, features, judge.classify(features)))
        store.finish(f"r{number}", SERVED)
        verdicts[f"r{number}"] = "good" if drawn.random() < good(odds) else "bad"
    store.flush()
    assert all(
        store.judge(request_id, verdict, team=team, user="ana") for request_id, verdict in verdicts.items()
    )
    store.close()
    return path


def shifted(odds: float) -> float:
    return probability(TRUTH.odds(odds))


@pytest.fixture
def out(tmp_path):
    return tmp_path / "web.json"


def test_a_team_whose_local_model_does_better_gets_numbers_that_say_so(turnout, tmp_path, out):
    ledger = fill(tmp_path / "l.db", 150, RuleClassifier(), good=shifted)
    ended = turnout(*TRAIN, "--ledger", str(ledger), "--out", str(out), "--json")
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    assert (summary["turns"], summary["conversations"], summary["teams"]) == (150, 150, {"web": 150})
    assert summary["log_loss"]["after"] < summary["log_loss"]["before"]
    assert 0.5 < summary["scale"]["intercept"] < 2.0
    assert summary["policy"]["min_p_local"] == 0.62
    assert summary["policy"]["turns"] == 150
    artefact = parse(out.read_text())
    assert {key: artefact.card[key] for key in ("turns", "teams", "first")} == {
        key: summary[key] for key in ("turns", "teams", "first")
    }
    features = Features(ask="Fix the login bug.")
    own = SufficiencyClassifier(load=lambda: artefact).classify(features)
    assert own.by == f"sufficiency@{digest(artefact)}"
    assert log_odds(own.p_local) == pytest.approx(
        Scale(**summary["scale"]).odds(log_odds(SufficiencyClassifier().classify(features).p_local))
    )
    listing = turnout("classifier", "show", "--file", str(out))
    assert "labelled turns: 150 of 150 conversations" in listing.out


def test_what_the_rules_the_shipped_and_the_own_numbers_said_is_one_scale(tmp_path, out):
    first = refit(
        Settings(ledger=str(fill(tmp_path / "rules.db", 120, RuleClassifier(), good=shifted))), None, None
    )
    out.write_text(dump(first.artefact, READS))
    own = SufficiencyClassifier(load=lambda: first.artefact)
    for name, judge in (("shipped", SufficiencyClassifier()), ("own", own)):
        ledger = fill(tmp_path / f"{name}.db", 120, judge, good=shifted)
        settings = Settings(ledger=str(ledger), classifier="sufficiency", classifier_file=str(out))
        again = refit(settings, None, None)
        assert again.summary["scale"] == pytest.approx(first.summary["scale"])


def test_too_little_is_refused_with_what_is_needed(refused, tmp_path, out):
    ledger = fill(tmp_path / "l.db", 20, RuleClassifier(), good=shifted)
    message = refused(*TRAIN, "--ledger", str(ledger), "--out", str(out))
    assert "conversations with a label: 20, and 50 are needed" in message
    assert not out.exists()


def refusal(ledger: Path, team: str | None = None, since: float | None = None) -> str:
    with pytest.raises(InsufficientEvidence) as refused:
        refit(Settings(ledger=str(ledger)), team, since)
    return str(refused.value)


def test_one_label_alone_is_refused(tmp_path):
    message = refusal(fill(tmp_path / "l.db", 60, RuleClassifier(), good=lambda _: 1.0))
    assert "the evidence that it did not is worth 0.0 certain outcomes and 10 are needed" in message


def test_another_team_or_time_has_nothing(tmp_path):
    ledger = fill(tmp_path / "l.db", 60, RuleClassifier(), good=shifted)
    for message in (refusal(ledger, team="docs"), refusal(ledger, since=time.time() + 60)):
        assert "conversations with a label: 0, and 50 are needed" in message


def test_what_others_judged_is_left_out_and_named(tmp_path):
    class Old:
        def classify(self, features):
            return replace(RuleClassifier().classify(features), by="sufficiency@0ld")

    message = refusal(fill(tmp_path / "l.db", 60, Old(), good=shifted))
    assert "conversations with a label: 0" in message
    assert "60 by sufficiency@0ld" in message


def test_noise_and_the_opposite_order_are_refused(tmp_path):
    same = refusal(fill(tmp_path / "same.db", 120, RuleClassifier(), good=probability))
    assert "not shown to be better on conversations that it had not seen" in same
    turned = fill(tmp_path / "turned.db", 300, RuleClassifier(), good=lambda odds: probability(3 - 6 * odds))
    assert "against the classifier's order" in refusal(turned)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("classifier", "train", "--team", "web"), "--team needs --from-ledger"),
        ((*TRAIN, "--data", "x"), "--data cannot be combined with --from-ledger"),
        ((*TRAIN, "--out", "none/x.json"), "--out: there is no folder"),
    ],
)
def test_options_that_do_not_go_together_are_refused(refused, arguments, message):
    assert message in refused(*arguments)


def test_a_file_that_cannot_serve_is_refused_at_start(tmp_path):
    named = {"classifier": "sufficiency", "classifier_file": str(tmp_path / "own.json")}
    with pytest.raises(Misconfigured, match=r"classifier_file: .*own\.json' cannot be read"):
        load_classifier(Settings(**named))
    (tmp_path / "own.json").write_text('{"hello": 1}')
    with pytest.raises(Misconfigured, match="not a trained classifier"):
        load_classifier(Settings(**named))
    with pytest.raises(Misconfigured, match="is not asked while classifier is 'rules'"):
        load_classifier(Settings(**named | {"classifier": "rules"}))


def test_the_rules_serve_where_the_file_is_of_another_version(tmp_path):
    file = tmp_path / "own.json"
    file.write_text(dump(shipped(), ["ask"]).replace('"format": 1', '"format": 99'))
    judge = load_classifier(Settings(classifier="sufficiency", classifier_file=str(file)))
    assert judge.classify(Features(ask=ASKS[0])).by == "rules"


def test_a_written_file_serves_without_the_library_that_trains(tmp_path, turnout, out):
    ledger = fill(tmp_path / "l.db", 120, RuleClassifier(), good=shifted)
    assert turnout(*TRAIN, "--ledger", str(ledger), "--out", str(out)).code == 0
    program = (
        "import sys\n"
        "from router.routing.classifier import load_classifier\nfrom router.settings import Settings\n"
        "from classifiers.features import Features\n"
        f"judge = load_classifier(Settings(classifier='sufficiency', classifier_file={str(out)!r}))\n"
        "print(judge.classify(Features(ask='Write a function.')).by)\n"
        "assert not {'sklearn', 'numpy', 'scipy'} & sys.modules.keys()\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == f"sufficiency@{digest(parse(out.read_text()))}", ran.stderr


def test_a_recorded_case_is_judged_as_it_was_without_its_text():
    judge = SufficiencyClassifier()
    for ask in ASKS:
        features = Features(ask=ask, files=3, tool_calls=4, kind="agent")
        recorded = without_texts(features)
        assert judge.refine(recorded, RuleClassifier().classify(features)) == judge.classify(features)
