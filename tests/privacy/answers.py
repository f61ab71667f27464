"""Forms in which a tool's answer names the file whose content it shows; the call itself names nothing.

`<p>` and its like as in `targets`; `<m>` is the content.
"""

from collections.abc import Sequence

from targets import ALL, RELATIVE, Pair

FORMS = {
    "grep": "<p>:pw=<m>",
    "grep -n": "<p>:3:pw=<m>",
    "grep -C": "<p>-2-user: ana\n<p>:3:pw=<m>\n--",
    "grep --null": "<p>\x003:pw=<m>",
    "grep --color": "\x1b[35m\x1b[K<p>\x1b[m\x1b[K\x1b[36m\x1b[K:\x1b[m\x1b[Kpw=<m>",
    "grep from a dot": "./<p>:3:pw=<m>",
    "grep, absolute": "/repo/<p>:3:pw=<m>",
    "vimgrep": "<p>:3:1:pw=<m>",
    "findstr": "<w>:pw=<m>",
    "Select-String": "<w>:3:pw=<m>",
    "rg --heading": "<p>\n3:pw=<m>\n",
    "rg --heading, no numbers": "README.md\nhello\n\n<p>\npw=<m>\n",
    "rg --json": '{"type":"match","data":{"path":{"text":"<p>"},"lines":{"text":"pw=<m>\\n"},"line_number":3}}',
    "rg, coloured inside": "\x1b[0m\x1b[35m<p>\x1b[0m\n\x1b[32m3\x1b[0m:pw=<m>",
    "head of several": "==> <p> <==\npw=<m>\n",
    "more of several": "::::::::::::::\n<p>\n::::::::::::::\npw=<m>",
    "diff": "--- a/<p>\n+++ b/<p>\n@@ -1 +1 @@\n-pw=x\n+pw=<m>",
    "git diff": "diff --git a/<p> b/<p>\nindex 1..2 100644\n--- a/<p>\n+++ b/<p>\n@@ -1 +1 @@\n+pw=<m>",
    "git diff of a new file": "diff --git a/<p> b/<p>\nnew file mode 100644\n--- /dev/null\n+++ b/<p>\n@@ -0,0 +1 @@\n+pw=<m>",
    "git diff --no-prefix": "diff --git <p> <p>\n--- <p>\n+++ <p>\n@@ -1 +1 @@\n+pw=<m>",
    "git diff of a rename": "diff --git a/x b/<p>\nsimilarity index 90%\nrename from x\nrename to <p>\n@@ -1 +1 @@\n+pw=<m>",
    "git diff, mnemonic": "diff --git i/<p> w/<p>\n--- i/<p>\n+++ w/<p>\n@@ -1 +1 @@\n+pw=<m>",
    "svn diff": "Index: <p>\n=====\n--- <p>\t(revision 1)\n+++ <p>\t(working copy)\n@@ -1 +1 @@\n+pw=<m>",
    "apply_patch": "*** Begin Patch\n*** Update File: <p>\n@@\n-pw=x\n+pw=<m>\n*** End Patch",
    "search and replace": "<p>\n<<<<<<< SEARCH\npw=x\n=======\npw=<m>\n>>>>>>> REPLACE",
    "git show --stat": "commit 1\n\n <p> | 2 +-\n 1 file changed\n\n-pw=x\n+pw=<m>",
    "git log --name-only -p": "commit 1\n\nM\t<p>\n\n+pw=<m>",
    "git status -v": "Changes to be committed:\n\tmodified:   <p>\n\n+pw=<m>",
    "git blame": "1a2b3c4d <p> (ana 2026-01-01 3) pw=<m>",
    "merge conflict": "CONFLICT (content): Merge conflict in <p>\n<<<<<<< HEAD\npw=<m>\n=======",
    "Python trace": 'Traceback (most recent call last):\n  File "/repo/<p>", line 3, in <module>\n    pw = "<m>"',
    "Node trace": "/repo/<p>:3\npw=<m>\n^\nSyntaxError: Unexpected token\n    at Object.<anonymous> (/repo/<p>:3:1)",
    "Java trace": "Exception: bad value <m>\n\tat app.Config.load(Config.java:3)\nCaused by: cannot parse /repo/<p>",
    "Go panic": "panic: bad <m>\n\ngoroutine 1 [running]:\nmain.main()\n\t/repo/<p>:3 +0x1d",
    "compiler": "<p>:3:4: error: unexpected '<m>'",
    "TypeScript": "<p>(3,4): error TS1005: '<m>' expected.",
    "MSBuild": "C:\\repo\\<w>(3,4): error CS1002: <m>",
    "Rust": "error: bad\n --> <p>:3:4\n  |\n3 | pw=<m>\n  |",
    "YAML parser": 'mapping values are not allowed here\n  in "<p>", line 3, column 4:\n    pw: <m>',
    "Ruby": "<p>:3:in `load': bad value <m> (ArgumentError)",
    "ESLint": "/repo/<p>\n  3:4  error  '<m>' is not defined  no-undef",
    "pytest": "E   <p>:3: AssertionError: <m>",
    "shellcheck": "In <p> line 3:\nPW=<m>\n^-- SC2034",
    "secret scanner": "Finding:     pw=<m>\nSecret:      <m>\nFile:        <p>\nLine:        3",
    "SARIF": '{"locations":[{"physicalLocation":{"artifactLocation":{"uri":"<p>"}}}],"message":{"text":"<m>"}}',
    "JUnit": '<testcase name="t" file="<p>"><failure message="<m>"/></testcase>',
    "lcov": "TN:\nSF:/repo/<p>\nDA:3,1\n<m>",
    "ctags": 'pw\t<p>\t/^pw=<m>$/;"\tv',
    "LSP": '{"uri":"file:///repo/<p>","range":{"start":{"line":3}},"preview":"pw=<m>"}',
    "Contents of": "Contents of <p>:\npw=<m>",
    "Content of, absolute": "Content of /repo/<p>:\npw=<m>",
    "Here's the result": "Here's the result of running `cat -n` on /repo/<p>:\n     1\tpw=<m>",
    "colon": "<p>:\npw=<m>",
    "bold name": "**<p>**\n\npw=<m>",
    "heading": "## <p>\n\npw=<m>",
    "heading in backquotes": "### `<p>`\n\n```\npw=<m>\n```",
    "fence's info": "```yaml <p>\npw=<m>\n```",
    "fence's title": '```yaml title="<p>"\npw=<m>\n```',
    "comment": "# <p>\npw=<m>",
    "comment of C": "// <p>\npw=<m>",
    "comment of HTML": "<!-- <p> -->\n<pw><m></pw>",
    "block comment": "/* file: <p> */\npw=<m>",
    "XML attribute": '<file path="<p>">\npw=<m>\n</file>',
    "XML attribute, single quotes": "<document index='1' source='<p>'>pw=<m></document>",
    "XML elements": "<document><source><p></source><document_content>pw=<m></document_content></document>",
    "path and content": "<path>/repo/<p></path>\n<type>file</type>\n<content>\n1: pw=<m>\n</content>",
    "CDATA": "<file><name><![CDATA[<p>]]></name><body><![CDATA[pw=<m>]]></body></file>",
    "escaped XML": "&lt;file path=&quot;<p>&quot;&gt;pw=<m>&lt;/file&gt;",
    "JSON": '{"path":"<p>","content":"pw=<m>"}',
    "JSON, pretty": '{\n  "file": "<p>",\n  "lines": [\n    "pw=<m>"\n  ]\n}',
    "JSON with the path as key": '{"<p>":"pw=<m>"}',
    "JSON Lines": '{"f":"README.md","t":"x"}\n{"f":"<p>","t":"pw=<m>"}',
    "JSON, escaped": '{\\"path\\":\\"<p>\\",\\"content\\":\\"pw=<m>\\"}',
    "YAML": "- path: <p>\n  content: |\n    pw=<m>",
    "TOML": 'path = "<p>"\ncontent = "pw=<m>"',
    "CSV": "file,line,text\n<p>,3,pw=<m>",
    "TSV": "<p>\t3\tpw=<m>",
    "table": "| file | line | text |\n|---|---|---|\n| <p> | 3 | pw=<m> |",
    "HTML table": "<tr><td><p></td><td>pw=<m></td></tr>",
    "markdown link": "[db](<p>): pw=<m>",
    "markdown link, absolute": "[db](file:///repo/<p>#L3): pw=<m>",
    "reference link": "pw=<m> [1]\n\n[1]: <p>",
    "autolink": "<file:///repo/<p>>\npw=<m>",
    "ls and content": "-rw------- 1 ana ana 120 Nov  1 10:00 <p>\npw=<m>",
    "tar -v": "x <p>\npw=<m>",
    "zip": "Archive: b.zip\n  inflating: <p>\npw=<m>",
    "hex dump": "<p>\n00000000  70 77 3d  |pw=<m>|",
    "shell trace": "+ cat <p>\npw=<m>",
    "make": "cat <p>\npw=<m>\nmake: Nothing to be done",
    "prompt": "$ cat <p>\npw=<m>",
    "prompt of a user": "ana@box:/repo$ cat <p>\npw=<m>",
    "prompt of Windows": "C:\\repo> type <w>\npw=<m>",
    "prompt of PowerShell": "PS C:\\repo> gc <w>\npw=<m>",
    "REPL": ">>> open('<p>').read()\n'pw=<m>'",
    "watch": "Every 2.0s: cat <p>\n\npw=<m>",
    "log line": "2026-01-01 INFO loaded /repo/<p> pw=<m>",
    "env dump": "CONFIG_FILE=/repo/<p>\nPW=<m>",
    "docker layer": "COPY <p> /app/ # pw=<m>",
    "repomix": "================\nFile: <p>\n================\npw=<m>",
    "files-to-prompt": "<p>\n---\npw=<m>\n\n---",
    "after much else": "ok\n" * 3000 + "<p>:3:pw=<m>",
    "at the start of much": "<p>:3:pw=<m>\n" + "ok\n" * 3000,
    "one long line": "x" * 20000 + " <p>:3:pw=<m> " + "x" * 20000,
    "Windows line ends": "README.md\r\n<p>\r\npw=<m>\r\n",
    "old Mac line ends": "README.md\r<p>\rpw=<m>\r",
    "line separators": "README.md\u2028<p>\u2028pw=<m>",
}


def beyond(count: int) -> str:
    """Many other files come first."""
    return "".join(f"src/module{number}/file{number}.py:1:x\n" for number in range(count)) + "<p>:3:pw=<m>\n"


FORMS |= {f"after {count} files": beyond(count) for count in (201, 400, 2000)}

_BELOW = ("/repo/<p>", "a/<p>", "i/<p>", "./<p>", "\\repo\\<w>", "]: <w>", "/app/ <p>")


def answer_pairs(form: str) -> Sequence[Pair]:
    """The targets that a form can name; one that puts a folder before the path names no absolute one."""
    return RELATIVE if any(mark in form for mark in _BELOW) or "<w>" in form else ALL
