"""The classifiers by the name that a setting gives them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

from classifiers.learned import LearnedClassifier
from classifiers.rules import RuleClassifier
from classifiers.sufficiency import SufficiencyClassifier
from classifiers.verdict import Classifier

ClassifierName = Literal["learned", "rules", "sufficiency"]
DEFAULT: ClassifierName = "learned"
"""Which judges unless a setting or an option names another."""
CLASSIFIERS: Mapping[ClassifierName, Callable[[], Classifier]] = MappingProxyType(
    {"learned": LearnedClassifier, "rules": RuleClassifier, "sufficiency": SufficiencyClassifier}
)
