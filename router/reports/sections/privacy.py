"""Evidence that private requests stayed on the machine."""

from router.reports import formats
from router.reports.components import Section, Table
from router.reports.facts import Facts
from router.reports.sections.examples import build_example_tables

TITLE = "What had to stay"


def build_privacy_section(facts: Facts) -> Section:
    """Count the requests that `never_cloud` held back, and any attempts to send them."""
    total = facts.total
    held_back, attempted = total["private"], total["private_left"]
    if not held_back:
        return Section(
            title=TITLE, paragraphs=("No request of these days was one that `never_cloud` holds back.",)
        )
    if attempted:
        paragraph = (
            f"{formats.integer(attempted)} of {formats.quantity(held_back, 'request')} that `never_cloud` "
            f"held back {'has' if attempted == 1 else 'have'} an attempt at the cloud on record. This must "
            "not happen: keep the ledger, and report it."
        )
    else:
        paragraph = (
            f"{formats.quantity(held_back, 'request')} {'was' if held_back == 1 else 'were'} held back by "
            "`never_cloud`, and not one has an attempt at the cloud on record: none was served there, tried "
            "there first, failed over to it or was counted there."
        )
    proof = Table(
        caption="The proof, from every attempt the ledger has",
        columns=("what", "requests"),
        rows=[
            ("held back by never_cloud", formats.integer(held_back)),
            ("of these, with any attempt at the cloud", formats.integer(attempted)),
        ],
    )
    return Section(
        title=TITLE,
        paragraphs=(paragraph,),
        tables=(proof, *build_example_tables(facts, "private", "The newest that were held back")),
        notes=(
            (
                "Every connection to the provider is opened by one function, which checks this. The rule "
                "identifies what was held back; no path and no text is in the ledger or in this report."
            ),
        ),
    )
