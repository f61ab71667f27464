"""Ordinary requests in a repository that has a `secrets/` folder: nothing of it is shown, so nothing is held.

The folder is named where anybody's tools name it, in listings; the rest are words and code that look alike.
"""

import random
from collections.abc import Iterator, Sequence

from bodies import CHAT, MESSAGES, Request, Turn, assistant, blocks, call, request, result, user

LISTINGS: dict[str, tuple[str, dict[str, object], str]] = {
    "ls": ("Bash", {"command": "ls"}, "Makefile\nREADME.md\npyproject.toml\nsecrets\nsrc\ntests\n"),
    "ls -F": ("Bash", {"command": "ls -F"}, "Makefile\nREADME.md\nsecrets/\nsrc/\ntests/\n"),
    "ls -la": (
        "Bash",
        {"command": "ls -la"},
        (
            "total 48\ndrwxr-xr-x  7 ana ana 4096 Nov  1 10:00 .\ndrwxr-xr-x 12 ana ana 4096 Nov  1 09:00 ..\n"
            "-rw-r--r--  1 ana ana   61 Nov  1 10:00 .env\ndrwxr-xr-x  8 ana ana 4096 Nov  1 10:00 .git\n"
            "-rw-r--r--  1 ana ana  812 Nov  1 10:00 README.md\ndrwx------  2 ana ana 4096 Nov  1 10:00 secrets\n"
            "drwxr-xr-x  4 ana ana 4096 Nov  1 10:00 src\n"
        ),
    ),
    "ls -R": (
        "Bash",
        {"command": "ls -R"},
        ".:\nREADME.md\nsecrets\nsrc\n\n./secrets:\ncert\ndb.yml\n\n./src:\napp.py\nbilling.py\n",
    ),
    "dir": (
        "PowerShell",
        {"command": "dir"},
        (
            "    Directory: C:\\repo\n\nMode                 LastWriteTime         Length Name\n----                 -------------         ------ ----\n"
            "d-----        01/11/2026     10:00                secrets\nd-----        01/11/2026     10:00                src\n"
            "-a----        01/11/2026     10:00            812 README.md\n"
        ),
    ),
    "tree": (
        "Bash",
        {"command": "tree -a -L 2"},
        ".\n├── .env\n├── README.md\n├── secrets\n│   ├── cert\n│   └── db.yml\n└── src\n    ├── app.py\n    └── billing.py\n\n2 directories, 6 files\n",
    ),
    "tree -F": (
        "Bash",
        {"command": "tree -F"},
        "./\n├── README.md\n├── secrets/\n│   └── db.yml\n└── src/\n    └── app.py\n",
    ),
    "find": (
        "Bash",
        {"command": "find . -type f -not -path './.git/*'"},
        "./README.md\n./.env\n./secrets/db.yml\n./secrets/cert\n./src/app.py\n./src/billing.py\n./tests/test_app.py\n",
    ),
    "find -ls": (
        "Bash",
        {"command": "find . -maxdepth 2 -ls"},
        (
            "  1310721      4 drwxr-xr-x   5 ana ana 4096 Nov  1 10:00 .\n  1310722      4 -rw-r--r--   1 ana ana  812 Nov  1 10:00 ./README.md\n"
            "  1310723      4 -rw-------   1 ana ana  120 Nov  1 10:00 ./secrets/db.yml\n"
        ),
    ),
    "fd": ("Bash", {"command": "fd"}, "README.md\nsecrets/\nsecrets/db.yml\nsrc/\nsrc/app.py\n"),
    "git ls-files": (
        "Bash",
        {"command": "git ls-files"},
        ".gitignore\nREADME.md\ncerts/server.pem\nsecrets/db.yml\nsrc/app.py\nsrc/billing.py\ntests/test_app.py\n",
    ),
    "git ls-files -s": (
        "Bash",
        {"command": "git ls-files -s"},
        "100644 e69de29bb2d1d6434b8b29ae775ad8c2e48c5391 0\tREADME.md\n100644 5a8e1d0c9f2b7a6e4d3c1b0a9f8e7d6c5b4a3f2e 0\tsecrets/db.yml\n",
    ),
    "git ls-tree": (
        "Bash",
        {"command": "git ls-tree HEAD"},
        (
            "100644 blob e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\tREADME.md\n040000 tree 5a8e1d0c9f2b7a6e4d3c1b0a9f8e7d6c5b4a3f2e\tsecrets\n"
            "040000 tree 1b2c3d4e5f60718293a4b5c6d7e8f9012a3b4c5d\tsrc\n"
        ),
    ),
    "git status": (
        "Bash",
        {"command": "git status"},
        (
            'On branch main\nChanges not staged for commit:\n  (use "git add <file>..." to update what will be committed)\n'
            "\tmodified:   secrets/db.yml\n\tmodified:   src/app.py\n\nUntracked files:\n\t.env\n\nno changes added to commit\n"
        ),
    ),
    "git status --short": (
        "Bash",
        {"command": "git status --short"},
        " M secrets/db.yml\n M src/app.py\n?? .env\n?? notes/\n",
    ),
    "git diff --stat": (
        "Bash",
        {"command": "git diff --stat"},
        " secrets/db.yml | 2 +-\n src/app.py     | 9 +++++++--\n 2 files changed, 8 insertions(+), 3 deletions(-)\n",
    ),
    "git diff --name-only": ("Bash", {"command": "git diff --name-only"}, "secrets/db.yml\nsrc/app.py\n"),
    "git log --stat": (
        "Bash",
        {"command": "git log --stat -1"},
        (
            "commit 4be1f0c2d3e4f5061728394a5b6c7d8e9f001122\nAuthor: Ana <ana@example.com>\nDate:   Sun Nov 1 10:00:00 2026 +0000\n\n"
            "    Rotate the database user\n\n secrets/db.yml | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n"
        ),
    ),
    "grep -l": ("Bash", {"command": "grep -rl database ."}, "./README.md\n./secrets/db.yml\n./src/app.py\n"),
    "rg --files": (
        "Bash",
        {"command": "rg --files --hidden"},
        ".env\nREADME.md\nsecrets/db.yml\nsrc/app.py\n",
    ),
    "rg -c": ("Bash", {"command": "rg -c database"}, "src/app.py:4\nsecrets/db.yml:2\nREADME.md:1\n"),
    "Grep, files": (
        "Grep",
        {"pattern": "database"},
        "Found 3 files\n/repo/README.md\n/repo/secrets/db.yml\n/repo/src/app.py",
    ),
    "Glob": (
        "Glob",
        {"pattern": "**/*.yml"},
        "/repo/.github/workflows/ci.yml\n/repo/secrets/db.yml\n/repo/docker-compose.yml",
    ),
    "LS": (
        "LS",
        {"path": "/repo"},
        "- /repo/\n  - README.md\n  - secrets/\n    - db.yml\n  - src/\n    - app.py\n",
    ),
    "list_dir": (
        "list_dir",
        {"path": "."},
        "[dir]  secrets/ (2 items)\n[dir]  src/ (2 items)\n[file] README.md (812B, 20 lines)\n",
    ),
    "list_files": (
        "list_files",
        {"path": ".", "recursive": True},
        "README.md\nsecrets/\nsecrets/db.yml\nsrc/\nsrc/app.py\n",
    ),
    "JSON listing": (
        "list_directory",
        {"path": "."},
        '["README.md", "secrets/", "secrets/db.yml", "src/app.py"]',
    ),
    "MCP tree": (
        "mcp__fs__directory_tree",
        {"path": "/repo"},
        '[{"name": "secrets", "type": "directory", "children": [{"name": "db.yml", "type": "file"}]}, {"name": "src", "type": "directory"}]',
    ),
    "du": ("Bash", {"command": "du -sh *"}, "4.0K\tREADME.md\n8.0K\tsecrets\n24K\tsrc\n"),
    "wc": ("Bash", {"command": "git ls-files | wc -l"}, "7\n"),
    ".gitignore, numbered": (
        "Read",
        {"file_path": "/repo/.gitignore"},
        "     1\tnode_modules/\n     2\t.env\n     3\tsecrets/\n     4\t*.pem\n     5\tdist/\n",
    ),
    ".gitignore": (
        "Bash",
        {"command": "cat .gitignore"},
        "node_modules/\n.env\n.env.*\nsecrets/\n*.pem\n__pycache__/\n",
    ),
    ".dockerignore": ("Bash", {"command": "cat .dockerignore"}, ".git\nsecrets\n.env\n**/*.pem\n"),
}
"""A tool, its call and what it prints: names, and nothing of what the files contain."""

CODE = {
    "import": "import secrets\n\n\ndef token() -> str:\n    return secrets.token_hex(16)\n",
    "from import": "from secrets import choice, token_urlsafe\n\nKEY = token_urlsafe(32)\n",
    "compare": "import hmac, secrets\n\nif not secrets.compare_digest(a, b):\n    raise PermissionError\n",
    "actions": "env:\n  TOKEN: ${{ secrets.TOKEN }}\n  NPM: ${{ secrets.NPM_TOKEN }}\nsteps:\n  - uses: actions/checkout@v4\n",
    "inherit": "jobs:\n  deploy:\n    uses: ./.github/workflows/deploy.yml\n    secrets: inherit\n",
    "compose": "services:\n  db:\n    image: postgres:17\n    secrets:\n      - db_password\nsecrets:\n  db_password:\n    external: true\n",
    "kubernetes": "env:\n  - name: PASSWORD\n    valueFrom:\n      secretKeyRef:\n        name: db\n        key: password\n",
    "kind": "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db-secrets\ntype: Opaque\n",
    "rbac": 'rules:\n  - apiGroups: [""]\n    resources: ["secrets", "configmaps"]\n    verbs: ["get"]\n',
    "process.env": "const port = process.env.PORT ?? 3000;\napp.listen(port);\n",
    "import.meta.env": "const base = import.meta.env.VITE_API_URL;\n",
    "os.environ": 'import os\n\nPORT = int(os.environ["PORT"])\nDEBUG = os.getenv("DEBUG")\n',
    "dotenv": "from dotenv import load_dotenv\n\nload_dotenv()\n",
    "environment": "environment:\n  - NODE_ENV=production\n",
    "terraform": 'resource "aws_secretsmanager_secret" "db" {\n  name = "db-password"\n}\n',
    "boto": 'client = boto3.client("secretsmanager")\nvalue = client.get_secret_value(SecretId="db")\n',
    "streamlit": 'import streamlit as st\n\nkey = st.secrets["api_key"]\n',
    "field": "class Settings(BaseModel):\n    secrets: dict[str, SecretStr] = {}\n    environment: str = 'dev'\n",
    "method": "async def list_secrets(self) -> list[str]:\n    return [name for name in self.secrets if name]\n",
    "Go": 'import "k8s.io/api/core/v1"\n\nfunc list(c *kubernetes.Clientset) { c.CoreV1().Secrets("default") }\n',
    "Rust": 'let secrets = load()?;\nlet env = std::env::var("HOME")?;\n',
    "PEM header": 'if text.startswith("-----BEGIN CERTIFICATE-----"):\n    kind = "pem"\n',
    "suffix": 'if path.suffix in {".pem", ".crt"}:\n    kind = "certificate"\n',
    "look-alike files": "src/secrets.py\nsrc/secrets_test.py\ndocs/secrets.md\nlib/secret/store.py\nmy-secrets/readme.md\nsecretsmanager/client.py\n",
    "look-alike dotfiles": ".envrc\n.environment\nenv/bin/activate\nvenv/pyvenv.cfg\nsrc/env.ts\nconfig/env.production.ts\nenvironment.yml\n",
    "look-alike certificates": "server.pemx\npem.txt\nsrc/pem/parse.py\ntest_pem.py\n",
    "look-alike vaults": "/srv/vault2/readme\n/srv/vaults/readme\n/opt/srv-vault/x\nsrc/vault/client.py\nhashicorp/vault\n",
    "internals": "# internal API; only the tests use it\n_INTERNAL = True\nonly_internal = False\n",
    "internal-only": "This is an internal-only API: it may change.\n",
    "documentation": "See https://docs.python.org/3/library/secrets.html and https://kubernetes.io/docs/concepts/configuration/secret/\n",
    "documentation of actions": "https://docs.github.com/en/actions/security-guides/using-secrets-in-github-actions\n",
}
ASKS = (
    "Write a secret santa draw in Python.",
    "How do I generate a token with the secrets module?",
    "What is the difference between secrets.token_hex and uuid4?",
    "Which environment variables does this service read?",
    "Rename the environment from staging to preview everywhere.",
    "Explain kubectl get secrets to a beginner.",
    "Is our internal API only for the mobile app?",
    "Mark this endpoint as internal-only in the documentation.",
    "The internals are only described in the wiki; summarise what a reader needs.",
    "How do GitHub Actions pass secrets to a reusable workflow?",
    "Add a --environment flag to the deploy command.",
    "What does a PEM file look like inside?",
    "Convert a pem certificate to der with openssl; which flags?",
    "What is HashiCorp Vault good for?",
    "How do I keep secrets out of a Docker image?",
    "Why is process.env.PORT undefined in the browser?",
    "Add type hints to this function.",
    "Where do secrets come from in this chart, in general terms?",
    "List the files of this repository and tell me what it does.",
    "Fix the failing test.",
    "Wie liest man Umgebungsvariablen in Go?",
    "Quelle est la différence entre env et environment ?",
    "秘密のサンタの抽選を書いてください。",
    "Write a haiku about secrets.",
)
CALLS_WITH_CODE = (
    ("Write", "file_path", "/repo/src/tokens.py", "content"),
    ("Edit", "file_path", "/repo/src/tokens.py", "new_string"),
    ("write_file", "path", "src/tokens.py", "content"),
    ("str_replace_based_edit_tool", "path", "/repo/src/tokens.py", "file_text"),
)
SHELL_CODE = (
    'python3 -c "import secrets; print(secrets.token_hex(8))"',
    "python3 - <<'EOF'\nimport secrets\nprint(secrets.choice('abc'))\nEOF",
    "grep -rn 'import secrets' src",
    "git commit -m 'Use token_hex for tokens'",
    "git log --oneline --grep=environment",
    "pip install python-dotenv pydantic-settings",
    "pytest -k 'not secrets_manager'",
    "echo $NODE_ENV",
    "printenv | sort | head",
    "sed -i 's/random/secrets_random/' src/app.py",
    "git checkout -b fix/internal-only-api",
    "find . -name '*.py' | head",
    "ls; cat README.md; git status --short",
)


def ordinary(rng: random.Random) -> Iterator[tuple[str, Request]]:
    """Yield a name and a request; each is a first step, a later step or a long session."""
    for name, (tool, arguments, text) in LISTINGS.items():
        for path in (MESSAGES, CHAT):
            first = user(f"{rng.choice(ASKS)} ({name})")
            yield f"listing: {name} | {path}", request(path, [first, call(tool, arguments), result(text)])
            yield (
                f"listing, then more: {name} | {path}",
                request(path, [first, *_work(rng, (tool, arguments, text))]),
            )
        shown = call(tool, arguments), result(blocks(text))
        yield f"listing in a block: {name}", request(MESSAGES, [user("Look around."), *shown])
        if tool in {"Bash", "PowerShell"}:  # what a person sees in a terminal
            pasted = user(f"This is what I see:\n\n```\n{text}```\n\nWhat is it?")
            yield f"listing by a person: {name}", request(CHAT, [pasted])
    for name, code in CODE.items():
        for path in (MESSAGES, CHAT):
            yield f"code: {name} | {path}", request(path, [user(f"Explain this:\n\n```\n{code}```")])
            shown = call("Read", {"file_path": "/repo/src/app.py"}), result(_numbered(code))
            yield f"code read: {name} | {path}", request(path, [user("Explain app.py."), *shown])
            yield (
                f"code answered: {name} | {path}",
                request(path, [user("Show me one."), assistant(f"```\n{code}```"), user("Thanks.")]),
            )
        tool, field, file, content = rng.choice(CALLS_WITH_CODE)
        if not name.startswith(("look-alike", "documentation")):
            written = call(tool, {field: file, content: code}), result("File created.")
            yield (
                f"code written: {name}",
                request(rng.choice((MESSAGES, CHAT)), [user("Write it."), *written]),
            )
    for ask in ASKS:
        for path in (MESSAGES, CHAT):
            yield f"ask: {ask} | {path}", request(path, [user(ask)])
        system = Turn(role="system", text="You help. Never reveal secrets. The environment is Linux.")
        yield (
            f"ask with a system prompt: {ask}",
            request(MESSAGES, [system, user(ask), assistant(f"About “{ask}”: …"), user("Go on.")]),
        )
    for line in SHELL_CODE:
        for path in (MESSAGES, CHAT):
            yield (
                f"shell: {line} | {path}",
                request(path, [user("Go on."), call("Bash", {"command": line}), result("ok\n")]),
            )


def _numbered(text: str) -> str:
    return "".join(f"{number:6}\t{line}\n" for number, line in enumerate(text.splitlines(), start=1))


def _work(rng: random.Random, listing: tuple[str, dict[str, object], str]) -> Sequence[Turn]:
    """A session: the listing, and then files that anybody may see."""
    turns = [call(listing[0], listing[1]), result(listing[2])]
    for number in range(rng.randint(2, 6)):
        name, code = rng.choice([item for item in CODE.items() if not item[0].startswith("look-alike")])
        turns += [
            assistant(f"Next: {name}."),
            user("Go on."),
            call("Read", {"file_path": f"/repo/src/m{number}.py"}),
        ]
        turns.append(result(_numbered(code * rng.randint(1, 5))))
    return turns
