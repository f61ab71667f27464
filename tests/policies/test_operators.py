"""Operators of other languages are refused with CEL's in their place; text in quotes is left alone."""

import pytest

from policies.operators import find_mistake, nearest_function

WRONG = {
    "kind = 'agent'": "'=' (column 6): write '=='",
    "kind='agent'": "'=' (column 5): write '=='",
    "files === 3": "'===' (column 7): write '=='",
    "files !== 3": "'!==' (column 7): write '!='",
    "files <> 3": "'<>' (column 7): write '!='",
    "files => 3": "'=>' (column 7): write '>='",
    "files =< 3": "'=<' (column 7): write '<='",
    "files ≥ 3": "'≥' (column 7): write '>='",
    "files ≠ 3": "'≠' (column 7): write '!='",
    "files > 3 and thinking": "'and' (column 11): write '&&'",
    "files > 3 AND thinking": "'AND' (column 11): write '&&'",
    "files > 3 or (thinking)": "'or' (column 11): write '||'",
    "not thinking": "'not' (column 1): write '!'",
    "not(thinking)": "'not' (column 1): write '!'",
    "kind not in ['ask']": "'not' (column 6): for 'not in', write !(x in [...])",
    "kind !in ['ask']": "'!' (column 6): for 'not in', write !(x in [...])",
    "kind is 'ask'": "'is' (column 6): write '=='",
    "kind is not 'ask'": "'is' (column 6): for 'is not', write '!='",
    "thinking == True": "'True' (column 13): write true",
    "thinking == FALSE": "'FALSE' (column 13): write false",
    "kind == None": "'None' (column 9): nothing is ever missing; compare with '' or 0",
    "kind == null": "'null' (column 9): nothing is ever missing; compare with '' or 0",
    "thinking & files > 3": "'&' (column 10): write '&&'",
    "thinking | files > 3": "'|' (column 10): write '||'",
    "thinking ∧ json_schema": "'∧' (column 10): write '&&'",
    "¬thinking": "'¬' (column 1): write '!'",
    "files eq 3": "'eq' (column 7): write '=='",
    "kind in ('ask', 'agent')": "'in' (column 6): a list is written in square brackets: x in ['a', 'b']",
    "kind in {'ask'}": "'in' (column 6): a list is written in square brackets: x in ['a', 'b']",
    "kind == “ask”": "'“' (column 9): put text in straight quotes: 'agent'",
    "kind == `ask`": "'`' (column 9): put text in single quotes: 'agent'",
    "p_local > 62%": "'62%' (column 11): write 0.62",
    "context_tokens > 10,000": "'10,000' (column 18): write 10000",
    "ask like 'x'": "'like' (column 5): write x.matches('...')",
    "ask contains 'x'": "'contains' (column 5): write x.contains('...')",
    "ask =~ 'x'": "'=~' (column 5): to match a regular expression, write x.matches('...')",
    "files ** 2 > 3": "'**' (column 7): there are no powers; multiply with '*'",
    "kind == 'ask' if thinking else false": "'if' (column 15): for a choice, write a ? b : c",
    "files between 1": "'between' (column 7): write x >= 1 && x <= 2",
    "files > 3 und thinking": (
        "'und' (column 11): is no operator; there are &&, ||, !, ==, !=, <, <=, >, >=, in"
    ),
    "kind == 'a' 'b'": "''b'' (column 13): an operator is missing before it",
    "files > 3;": "';' (column 10): a condition ends where its text ends; leave it out",
}


@pytest.mark.parametrize("source", WRONG)
def test_the_right_operator_is_named(source):
    assert find_mistake(source) == WRONG[source]


@pytest.mark.parametrize(
    "source",
    [
        "ask.contains('this and that = not <> or %') || user == \"a === b\"",
        "files == -1 || files>-1 || files!=-1 || -files<=-2",
        "!thinking&&!json_schema||!!server_tools",
        "thinking?!json_schema:files>1",
        "int(files) % int(2) == 0",
        "['a','b'].exists(p, client.startsWith(p))",
        "kind in ['ask', 'agent'] && files in [1,2]",
        "kind in(['ask'])",
        "size(ask) > 1000 && files in [1,200]",
        "params.and > 1 && last.rule == 'not-in'",
        "p_local >= .5e0",
    ],
)
def test_what_is_right_is_left_alone(source):
    assert find_mistake(source) == ""


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("len", "size"),
        ("startswith", "startsWith"),
        ("beginsWith", "startsWith"),
        ("endwith", "endsWith"),
        ("any", "exists"),
    ],
)
def test_the_function_that_was_meant_is_named(written, meant):
    assert nearest_function(written) == f"; did you mean '{meant}'?"
