"""Which requests were probably served by the wrong track: signs, not verdicts."""

from collections.abc import Iterator

from router.reports import formats
from router.reports.components import Section, Table
from router.reports.facts import Facts
from router.reports.sections.examples import build_example_tables

UNRELATED_CAUSES = ("", "local_error")
"""Causes of an escalation that are unrelated to the request: none, and an engine that was down."""
VERDICTS = {
    ("local", "should_be_cloud"): "people said: this belonged to the cloud",
    ("local", "bad"): "people said: this local answer was bad",
    ("cloud", "should_be_local"): "people said: this could have stayed local",
    ("cloud", "bad"): "people said: this cloud answer was bad",
    ("local", "good"): "people said: this local answer was good",
    ("cloud", "good"): "people said: this cloud answer was good",
}


def build_misroutes_section(facts: Facts) -> Section:
    """List the signs that local work belonged to the cloud, and people's verdicts."""
    rows = list(list_signs(facts))
    sign_count = sum(number for _, number, _ in rows)
    summary = (
        f"{formats.quantity(sign_count, 'sign')} that local work belonged to the cloud, beside "
        f"{formats.quantity(facts.local, 'request')} served locally."
    )
    sign_table = Table(
        caption="Signs; one request may show more than one",
        columns=("sign", "requests", "what it means"),
        rows=[(name, formats.integer(number), meaning) for name, number, meaning in rows],
        text_columns=("what it means",),
    )
    verdict_rows = [
        (meaning, formats.integer(facts.verdicts[key]))
        for key, meaning in VERDICTS.items()
        if facts.verdicts.get(key)
    ]
    verdict_tables = [
        Table(caption="Verdicts on single answers", columns=("verdict", "answers"), rows=verdict_rows)
    ]
    return Section(
        title="Probably on the wrong track",
        paragraphs=(summary,),
        tables=(
            sign_table,
            *(verdict_tables if verdict_rows else []),
            *build_example_tables(facts, "escalated", "The newest that were escalated"),
        ),
        notes=(
            (
                "None of this proves that the other requests were answered well: that takes verdicts "
                "(`POST /v1/feedback`) or a measured run (`turnout bench run`)."
            ),
        ),
    )


def list_signs(facts: Facts) -> Iterator[tuple[str, float, str]]:
    """Yield each sign's name, the number of requests that show it, and its meaning."""
    escalated = sum(
        group["requests"] for group in facts.groups["escalated"] if group.key[0] not in UNRELATED_CAUSES
    )
    yield "escalated", escalated, "the local model could not, and the cloud answered"
    yield "asked again", facts.asked_again, "the same ask came again within ten minutes of a local answer"
    yield "stuck", facts.total["stuck"], "a local turn made the same tool call three times in a row"
