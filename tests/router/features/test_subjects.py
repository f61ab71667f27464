"""To which earlier subject an ask comes back: by a word of it, in whatever form."""

import pytest

from router.features.subjects import subject_of

EARLIER = [
    "Add a filter to the customer list",
    "Прочитай журнал ошибок сервера",
    "什么是最终一致性",
    "Schreib ein Skript, das alte Sicherungen löscht",
    "Añade validación de facturas al formulario",
]
LEFT = "What is a mutex?"


@pytest.mark.parametrize(
    ("ask", "subject"),
    [
        ("ok, back to the customer filter: make it sticky", 0),
        ("customer list again", 0),
        ("the customers thing again - it forgets the page", 0),
        ("возвращаясь к журналу ошибок: сколько их?", 1),
        ("回到最终一致性,举个例子", 2),
        ("beim Löschskript: leere Ordner auch", 3),
        ("nochmal zur Sicherung von vorhin: erst fragen", 3),
        ("y para las facturas, también en el móvil", 4),
        ("back to the invoices", None),
        ("back to the mutex", None),  # what was just left is no earlier subject
        ("and also with this one", None),
        ("why?", None),
    ],
)
def test_an_ask_that_comes_back_names_its_subject(ask, subject):
    assert subject_of(ask, [*EARLIER, LEFT]) == ("" if subject is None else EARLIER[subject])


def test_a_word_of_what_was_just_left_tells_nothing():
    asked = ["Write a parser for invoices", "Rename the invoices module", "Which parser is fastest?"]
    assert subject_of("and for invoices?", asked) == asked[1]
    assert subject_of("the parser is slow", asked) == ""
    assert subject_of("back to the parser: also for dates", asked) == asked[0]


@pytest.mark.parametrize("subjects", [[], ["a parser"]])
def test_there_is_no_earlier_subject(subjects):
    assert subject_of("back to the parser", subjects) == ""


def test_a_long_ask_says_what_it_is_about():
    assert subject_of("the customer list " * 40, [*EARLIER, LEFT]) == ""
