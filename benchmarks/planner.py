"""The path up to the decision, as the service makes it, without a server around it."""

from classifiers.features import Features
from classifiers.rules import RuleClassifier
from policies.decision import State
from policies.load import PolicyHolder
from router.features.extractor import FeatureExtractor
from router.routing.planner import Planner
from router.routing.sticky_sessions import StickySessions

POLICY = "balanced"


class IdleTracks:
    """Both tracks are up and idle."""

    def state(self, features: Features) -> State:
        """Return the same state for every prompt."""
        del features
        return State()


def make_planner(extractor: FeatureExtractor) -> Planner:
    """Make the path up to the decision, as the service does."""
    return Planner(
        extractor=extractor,
        classifier=RuleClassifier(),
        policies=PolicyHolder(POLICY),
        tracks=IdleTracks(),
        sessions=StickySessions(),
    )
