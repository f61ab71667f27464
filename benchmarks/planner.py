"""The path up to the decision, as the service makes it, without a server around it."""

from classifiers.choose import CLASSIFIERS, DEFAULT
from classifiers.features import Features
from classifiers.verdict import Classifier
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


def make_planner(
    extractor: FeatureExtractor, *, policy: str = POLICY, classifier: Classifier | None = None
) -> Planner:
    """Make the path up to the decision, as the service does, by default with the classifier it has."""
    return Planner(
        extractor=extractor,
        classifier=classifier or CLASSIFIERS[DEFAULT](),
        policies=PolicyHolder(policy),
        tracks=IdleTracks(),
        sessions=StickySessions(),
    )
