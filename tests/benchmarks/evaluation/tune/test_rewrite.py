"""Only numbers change, each with its reason; the rest stays to the byte."""

import pytest

from benchmarks.evaluation.tune.rewrite import Change, format_number, rewrite
from policies.load import SHIPPED, load, parse
from router.errors import Misconfigured

BLOCK = """\
# A team's own.
name: mine   # theirs

params:
  max_files: 4        # distinct files
  # The line that matters.
  min_p_local: 0.62   # how likely

  window: 0.85
rules:
  - {when: "files >= params.max_files", to: cloud, why: crosses}
  - {when: "p_local >= params.min_p_local", to: local, why: "small # and plain"}
otherwise: {to: cloud, why: rest}
"""


def change(name, old, new, why="The measured loss is 0.2 %."):
    return Change(name=name, old=old, new=new, why=why)


def test_numbers_change_and_each_says_why():
    text = rewrite(BLOCK, (change("max_files", 4, 10), change("min_p_local", 0.62, 0.7)), source="mine.yaml")
    assert text == BLOCK.replace(
        "  max_files: 4        # distinct files",
        "  # tuned max_files: 4 -> 10. The measured loss is 0.2 %.\n  max_files: 10       # distinct files",
    ).replace(
        "  min_p_local: 0.62   # how likely",
        "  # tuned min_p_local: 0.62 -> 0.7. The measured loss is 0.2 %.\n  min_p_local: 0.7    # how likely",
    )
    assert dict(parse(text, source="mine.yaml").params) == {
        "max_files": 10,
        "min_p_local": 0.7,
        "window": 0.85,
    }


def test_a_second_tuning_takes_the_place_of_the_first():
    long = "A reason that goes on, " * 8
    once = rewrite(BLOCK, (change("min_p_local", 0.62, 0.7, long),), source="mine.yaml")
    assert once.count("\n") > BLOCK.count("\n") + 2
    twice = rewrite(once, (change("min_p_local", 0.7, 0.5),), source="mine.yaml")
    assert twice == BLOCK.replace(
        "  min_p_local: 0.62   # how likely",
        "  # tuned min_p_local: 0.7 -> 0.5. The measured loss is 0.2 %.\n  min_p_local: 0.5    # how likely",
    )


def test_other_comments_above_a_number_stay():
    text = BLOCK.replace("  # The line that matters.", "  #   indented, and not ours\n  # tuned by hand")
    changed = rewrite(text, (change("min_p_local", 0.62, 0.7),), source="mine.yaml")
    assert "  #   indented, and not ours\n  # tuned by hand\n  # tuned min_p_local" in changed


FLOW = """\
name: mine
params: {max_files: 4, min_p_local: 0.62}  # both
rules:
  - {when: "files >= params.max_files || p_local < params.min_p_local", to: cloud, why: crosses}
otherwise: {to: local, why: rest}
"""


def test_numbers_on_one_line_have_their_reasons_above_it():
    text = rewrite(FLOW, (change("max_files", 4, 2), change("min_p_local", 0.62, 0.5)), source="f")
    assert text == FLOW.replace(
        "params: {max_files: 4, min_p_local: 0.62}",
        "# tuned max_files: 4 -> 2. The measured loss is 0.2 %.\n"
        "# tuned min_p_local: 0.62 -> 0.5. The measured loss is 0.2 %.\n"
        "params: {max_files: 2, min_p_local: 0.5}",
    )
    again = rewrite(text, (change("max_files", 2, 3),), source="f")
    assert again.count("# tuned max_files") == 1
    assert again.count("# tuned min_p_local") == 1


def test_windows_line_ends_stay():
    text = rewrite(BLOCK.replace("\n", "\r\n"), (change("max_files", 4, 10),), source="mine.yaml")
    assert text.count("\n") == text.count("\r\n") == BLOCK.count("\n") + 1


@pytest.mark.parametrize("name", [name for name in SHIPPED if load(name).params])
def test_every_shipped_policy_can_be_rewritten(name):
    from importlib.resources import files

    text = (files("policies") / f"{name}.yaml").read_text()
    params = load(name).params
    changed = rewrite(text, tuple(change(key, old, old + 0.125) for key, old in params.items()), source=name)
    assert dict(parse(changed, source=name).params) == {key: old + 0.125 for key, old in params.items()}
    lines = [line for line in changed.splitlines() if not line.lstrip().startswith(("# tuned", "#   "))]
    assert len(lines) == len(text.splitlines())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BLOCK.replace("4  ", "&n 4").replace("0.85", "*n"), "window"),
        (BLOCK.replace("4  ", "&n 4").replace("0.85", "*n"), "max_files"),
    ],
)
def test_what_cannot_be_changed_in_place_is_refused(text, message):
    old = parse(text, source="mine.yaml").params[message]
    with pytest.raises(Misconfigured, match=r"mine\.yaml"):
        rewrite(text, (change(message, old, 7),), source="mine.yaml")


@pytest.mark.parametrize(
    ("number", "text"), [(4.0, "4"), (0.62, "0.62"), (1e-7, "0.0000001"), (100.0, "100"), (1.5, "1.5")]
)
def test_numbers_are_written_plainly(number, text):
    assert format_number(number) == text
