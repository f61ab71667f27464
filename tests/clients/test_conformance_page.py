"""The pages on what clients were seen to do are made of the results alone."""

import conformance_page
from conformance import CLIENTS, PROVEN, SCENARIOS


def test_the_pages_are_made_of_the_results() -> None:
    results = conformance_page.load()
    assert conformance_page.PAGE.read_text() == conformance_page.page(results)
    docs = conformance_page.DOCS.read_text()
    assert docs == conformance_page.spliced(docs, results)


def test_what_was_measured_is_in_the_table() -> None:
    known = {client.name: client for client in CLIENTS}
    names = {scenario.name for scenario in SCENARIOS}
    for name, row in conformance_page.load()["clients"].items():
        assert row["version"]
        assert row["cells"].keys() <= names
        for scenario, cell in row["cells"].items():
            absent = cell["result"] == "not applicable"
            assert absent == (scenario in known[name].absent), (name, scenario)
            assert absent or cell["seconds"] > 0


def test_what_other_tests_prove_is_measured_once() -> None:
    known = {client.name: client for client in CLIENTS}
    for client, scenario in PROVEN:
        assert scenario not in known[client].absent
