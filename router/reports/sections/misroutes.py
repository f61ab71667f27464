"""Which requests were probably served by the wrong track: signs, not verdicts."""

from collections.abc import Iterator

from router.reports import formats
from router.reports.components import Section, Table
from router.reports.figures import Facts
from router.reports.sections.examples import examples

UNTOLD = ("", "local_error")
"""Causes of an escalation that say nothing of the request: none, and an engine that was down."""
VERDICTS = {
    ("local", "should_be_cloud"): "people said: this belonged to the cloud",
    ("local", "bad"): "people said: this local answer was bad",
    ("cloud", "should_be_local"): "people said: this could have stayed local",
    ("cloud", "bad"): "people said: this cloud answer was bad",
    ("local", "good"): "people said: this local answer was good",
    ("cloud", "good"): "people said: this cloud answer was good",
}


def misroutes(facts: Facts) -> Section:
    """Tell the signs that local work belonged to the cloud, and what people said."""
    rows = list(signs(facts))
    found = sum(number for _, number, _ in rows)
    says = (
        f"{formats.counted(found, 'sign')} that local work belonged to the cloud, beside "
        f"{formats.counted(facts.local, 'request')} that were served locally."
    )
    signed = Table(
        caption="Signs; one request may show more than one",
        columns=("sign", "requests", "what it means"),
        rows=[(name, formats.whole(number), meaning) for name, number, meaning in rows],
        words=("what it means",),
    )
    said = [
        (meaning, formats.whole(facts.verdicts[key]))
        for key, meaning in VERDICTS.items()
        if facts.verdicts.get(key)
    ]
    judged = [Table(caption="Verdicts on single answers", columns=("verdict", "answers"), rows=said)]
    return Section(
        title="Probably on the wrong track",
        says=(says,),
        tables=(
            signed,
            *(judged if said else []),
            *examples(facts, "escalated", "The newest that were escalated"),
        ),
        notes=(
            (
                "None of this proves that the other requests were answered well: that takes verdicts "
                "(`POST /v1/feedback`) or a measured run (`turnout bench run`)."
            ),
        ),
    )


def signs(facts: Facts) -> Iterator[tuple[str, float, str]]:
    """Name each sign, how many requests show it, and what it means."""
    escalated = sum(one["requests"] for one in facts.by["escalated"] if one.key[0] not in UNTOLD)
    yield "escalated", escalated, "the local model could not, and the cloud answered"
    yield "asked again", facts.asked_again, "the same ask came again within ten minutes of a local answer"
    yield "stuck", facts.whole["stuck"], "a local turn made the same tool call three times in a row"
