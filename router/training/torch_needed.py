"""torch trains the model that reads asks and does nothing else here: whoever trains installs it."""

from importlib.util import find_spec

from router.errors import Misconfigured


def require_torch() -> None:
    """Say what to install.

    Raises:
        Misconfigured: torch is not installed.
    """
    if find_spec("torch") is None:
        raise Misconfigured(
            "train-asks: training needs torch, which nothing else does: `pip install torch` into "
            "this environment"
        )
