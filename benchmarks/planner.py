"""The path up to the decision, as the service makes it, without a server around it."""

from classifiers.features import Features
from classifiers.rules import RuleClassifier
from policies.decision import State
from policies.load import PolicyHolder
from router.accounts.teams import Account
from router.features.extractor import Reader
from router.routing.planner import Planner
from router.routing.sticky_sessions import StickySessions
from router.types import DialectName, ModelRequest

POLICY = "balanced"


class Fair:
    """Both tracks are up and idle."""

    def state(self, features: Features) -> State:
        """The same for every prompt."""
        del features
        return State()


def planner(reader: Reader) -> Planner:
    """Make the path up to the decision, as the service does."""
    return Planner(
        extractor=reader,
        classifier=RuleClassifier(),
        policies=PolicyHolder(POLICY),
        tracks=Fair(),
        sessions=StickySessions(),
    )


def request(body: bytes, dialect: DialectName = "openai_chat") -> ModelRequest:
    """Make a request of `body`, from a client that is not known."""
    return ModelRequest(
        id="bench",
        account=Account(team="bench"),
        dialect=dialect,
        operation="generate",
        client="",
        model="auto",
        stream=False,
        body=body,
        headers=(),
    )
