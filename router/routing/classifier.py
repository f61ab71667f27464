"""The classifier that the settings name; a team's own numbers are read on the way up, or refused."""

from pathlib import Path

import structlog

from classifiers.artefact import Artefact, ArtefactRefused, ArtefactUnfit, parse
from classifiers.choose import CLASSIFIERS
from classifiers.rules import RuleClassifier
from classifiers.sufficiency import SufficiencyClassifier
from classifiers.verdict import Classifier
from router.errors import Misconfigured
from router.features.ask_reader import AskReader
from router.settings import Settings

log = structlog.get_logger(__name__)


def load_classifier(settings: Settings) -> Classifier:
    """Make the classifier that judges every request.

    Raises:
        Misconfigured: the file with a team's numbers is missing, is none, or nobody asks it.
    """
    if not settings.classifier_file:
        return CLASSIFIERS[settings.classifier]()
    if settings.classifier != "sufficiency":
        raise Misconfigured(
            f"classifier_file: {settings.classifier_file!r} is not asked while classifier is "
            f"{settings.classifier!r}; set `classifier: sufficiency`, or leave classifier_file out"
        )
    try:
        numbers = read_numbers(settings.classifier_file)
    except ArtefactUnfit as unfit:
        log.warning(
            "the rules serve: classifier_file does not fit", file=settings.classifier_file, why=str(unfit)
        )
        return RuleClassifier()
    return SufficiencyClassifier(load=lambda: numbers)


def make_ask_reader(settings: Settings) -> AskReader | None:
    """Make the reader of asks where the classifier judges by it; it takes some 60 MB."""
    return AskReader() if settings.classifier == "learned" else None


def read_numbers(file: str) -> Artefact:
    """Read trained numbers from a file.

    Raises:
        Misconfigured: there is no such file, or it holds something else.
        ArtefactUnfit: it holds numbers for another version.
    """
    path = Path(file).expanduser()
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"classifier_file: {file!r} cannot be read ({type(error).__name__}); give what "
            "`turnout classifier train --out FILE` wrote"
        ) from error
    except ArtefactUnfit:
        raise
    except ArtefactRefused as refused:
        raise Misconfigured(f"classifier_file: {file!r}: {refused}") from refused
