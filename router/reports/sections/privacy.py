"""What had to stay on the machine, and that it did."""

from router.reports import formats
from router.reports.components import Section, Table
from router.reports.figures import Facts
from router.reports.sections.examples import examples

TITLE = "What had to stay"


def privacy(facts: Facts) -> Section:
    """Tell what `never_cloud` held back, and whether any of it was ever sent."""
    whole = facts.whole
    held, left = whole["private"], whole["private_left"]
    if not held:
        return Section(title=TITLE, says=("No request of these days was one that `never_cloud` holds back.",))
    if left:
        says = (
            f"{formats.whole(left)} of {formats.counted(held, 'request')} that `never_cloud` held back "
            f"{'has' if left == 1 else 'have'} an attempt at the cloud on record. This must not happen: keep "
            "the ledger, and report it."
        )
    else:
        says = (
            f"{formats.counted(held, 'request')} {'was' if held == 1 else 'were'} held back by `never_cloud`"
            ", and not one has an attempt at the cloud on record: none was served there, tried there first, "
            "failed over to it or was counted there."
        )
    proof = Table(
        caption="The proof, from every attempt the ledger has",
        columns=("what", "requests"),
        rows=[
            ("held back by never_cloud", formats.whole(held)),
            ("of these, with any attempt at the cloud", formats.whole(left)),
        ],
    )
    return Section(
        title=TITLE,
        says=(says,),
        tables=(proof, *examples(facts, "private", "The newest that were held back")),
        notes=(
            (
                "Whatever opens a connection to the provider goes through one function, and it asks there. "
                "What was held back is known by its rule; no path and no text is in the ledger or in this "
                "report."
            ),
        ),
    )
