"""A project of thirty files, the same in every run: prices of fruit, a test for each, some notes."""

import subprocess
from pathlib import Path

FRUITS = ("apples", "berries", "cherries", "figs", "grapes", "medlars", "nuts", "pears", "plums", "quinces")
RULES = "# Orchard\n\nRun `python3 -m unittest` before a commit.\n"


def plant(folder: Path) -> None:
    """Write the project into `folder`, committed."""
    files = {
        "README.md": "# Orchard\n\nPrices of fruit.\n",
        "pyproject.toml": '[project]\nname = "orchard"\nversion = "1"\n',
        "AGENTS.md": RULES,
        "CLAUDE.md": RULES,
        ".gitignore": "__pycache__/\n",
        "orchard/__init__.py": "",
        "tests/__init__.py": "",
        **{f"docs/{name}.md": f"# {name.title()}\n\nNotes.\n" for name in ("harvest", "storage", "sales")},
    }
    for at, fruit in enumerate(FRUITS):
        files[f"orchard/{fruit}.py"] = (
            f'"""{fruit.title()}."""\n\nPRICE = {at + 2}\n\n\n'
            f"def price_of_{fruit}(count):\n    return count * PRICE + 1\n"
        )
        files[f"tests/test_{fruit}.py"] = (
            f"import unittest\n\nfrom orchard.{fruit} import PRICE, price_of_{fruit}\n\n\n"
            "class Test(unittest.TestCase):\n    def test_price(self):\n"
            f"        self.assertEqual(price_of_{fruit}(2), 2 * PRICE + 1)\n"
        )
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    named = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    for words in (("init", "-q"), ("add", "."), (*named, "commit", "-q", "-m", "Begin")):
        subprocess.run(("git", *words), cwd=folder, check=True)
