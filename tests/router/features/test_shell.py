import pytest

from router.features import tool_calls
from router.features.messages import Call
from router.features.paths import FileAccess
from router.features.scripts import opened
from router.features.shell import effect

EFFECTS = [
    ("cat a.py", {("a.py", "read")}, {"explore"}),
    ("sed -n '10,20p' src/a.py", {("src/a.py", "read")}, {"explore"}),
    ("sed -i 's/a/b/' src/a.py", {("src/a.py", "edited")}, {"implement"}),
    ("sed -i.bak -e 's/a/b/' -e 's/c/d/' a.py b.py", {("a.py", "edited"), ("b.py", "edited")}, {"implement"}),
    ("head -n 5 a.py | tail -2", {("a.py", "read")}, {"explore"}),
    (
        "cd /testbed && cat a/b.py; cd sub && cat c.py",
        {("/testbed/a/b.py", "read"), ("/testbed/sub/c.py", "read")},
        {"explore"},
    ),
    ("grep -n 'def x' a.py | head -3", {("a.py", "read")}, {"explore"}),
    ("grep -rn 'x' src/ --include='*.py'", set(), {"explore"}),
    ("grep -l x a.py b.py", {("a.py", "seen"), ("b.py", "seen")}, {"explore"}),
    ("find . -name '*.py' | xargs grep -l foo", set(), {"explore"}),
    ("ls -la src", set(), {"explore"}),
    ("cat *.py", {("*.py", "seen")}, {"explore"}),
    (
        "cat > a.py <<'EOF'\nopen('x', 'r') | > nothing\nEOF\n",
        {("a.py", "edited"), ("x", "read")},
        {"explore", "implement"},
    ),
    (
        "cat <<EOF > notes.md && cat b.py\n# it's \"one\nEOF\ncat c.py",
        {("notes.md", "edited"), ("b.py", "read"), ("c.py", "read")},
        {"explore", "implement"},
    ),
    (
        "python - <<'EOF'\npath = 'lib/x.py'\nwith open(path, 'w') as f:\n    f.write('')\nEOF",
        {("lib/x.py", "edited")},
        {"run", "implement"},
    ),
    (
        "python -c \"from pathlib import Path; Path('a.txt').write_text('x')\"",
        {("a.txt", "edited")},
        {"run", "implement"},
    ),
    ("python repro.py 2>&1 | tail -5", {("repro.py", "seen")}, {"run", "explore"}),
    (
        "cd /t && PYTHONPATH=. python -m pytest tests/test_a.py -x > out.log 2>/dev/null",
        {("/t/out.log", "edited")},
        {"verify", "implement"},
    ),
    ("timeout 60 pytest -q", set(), {"verify"}),
    ("npm test && cargo build", set(), {"verify"}),
    ("npm install", set(), {"run"}),
    ("echo hi | tee -a log.txt", {("log.txt", "edited")}, {"explore", "implement"}),
    ("mv a.py b.py && rm c.py", {("a.py", "edited"), ("b.py", "edited"), ("c.py", "edited")}, {"implement"}),
    ("cp a.py a.py.bak", {("a.py", "read"), ("a.py.bak", "edited")}, {"implement"}),
    (
        "git diff -- a/x.py > patch.txt",
        {("a/x.py", "read"), ("patch.txt", "edited")},
        {"explore", "implement"},
    ),
    ("git -C /r checkout -- a.py", {("/r/a.py", "edited")}, {"implement"}),
    ("git status && git log --oneline | head", set(), {"explore"}),
    (
        "apply_patch <<'EOF'\n*** Begin Patch\n*** Update File: src/a.py\n@@\n-x\n+y\n*** End Patch\nEOF",
        {("src/a.py", "edited")},
        {"implement"},
    ),
    ('bash -lc "cd /x && cat a.py"', {("/x/a.py", "read")}, {"explore"}),
    ("awk '{print $1}' data.csv", {("data.csv", "read")}, {"explore"}),
    ("sort < in.txt > out.txt", {("in.txt", "read"), ("out.txt", "edited")}, {"explore", "implement"}),
    ("X=$(cat v.txt); echo $X", {("v.txt", "read")}, {"explore"}),
    ("# cat a.py\ntrue", set(), set()),
    ("cat \"my file.py\" 'b c.py'", {("my file.py", "read"), ("b c.py", "read")}, {"explore"}),
    ("cat ../up.py ./here.py", {("../up.py", "read"), ("here.py", "read")}, {"explore"}),
    ("if [ -f a ]; then cat a.py; fi", {("a.py", "read")}, {"explore"}),
]


@pytest.mark.parametrize(("command", "accesses", "acts"), EFFECTS)
def test_effect(command, accesses, acts):
    done = effect(command)
    assert set(done.accesses) == {FileAccess(*one) for one in accesses}
    assert done.acts == acts


@pytest.mark.parametrize(
    "command",
    [
        "",
        "'",
        '"',
        "cat <<",
        "cat <<EOF\nnever ends",
        "$((",
        "a\\",
        "|||&&;;",
        ">" * 50,
        "((((" * 2000,
        "\0",
        "bash -c " * 99,
    ],
)
def test_broken_commands_have_no_effect(command):
    assert not [touch for touch in effect(command).accesses if touch.how == "edited"]


def test_a_huge_command_is_read_in_bounded_time():
    effect("'\"" * 200_000)
    effect("a" * 1_000_000 + " > b.py")
    assert effect("cat a.py\n" + "x=1\n" * 10_000).accesses[0] == FileAccess("a.py", "read")


MORE = [
    # the working directory
    ("(cd src && cat a.py) && cat b.py", {("src/a.py", "read"), ("b.py", "read")}),
    (
        "cat $(cd src; cat a.py) b.py",
        {("src/a.py", "read"), ("b.py", "read"), ("$(cd src; cat a.py)", "seen")},
    ),
    ("cd /r && cd - && cat a.py", {("a.py", "read")}),
    ("pushd src && cat a.py && popd && cat b.py", {("src/a.py", "read"), ("b.py", "read")}),
    ("cd /r/src && cd .. && cat a.py", {("/r/a.py", "read")}),
    ('cd "$(mktemp -d)" && cat a.py', {("a.py", "read")}),
    ("cd /r && cd $WHERE && cat a.py", {("a.py", "read")}),
    ("cd && cat a.py", {("~/a.py", "read")}),
    ("cd /r && bash -c 'cat a.py'", {("/r/a.py", "read")}),
    ("cd /r && python -c \"open('a.py')\"", {("/r/a.py", "read")}),
    # loops, variables, braces
    ("for f in a.py b.py; do sed -i 's/x/y/' \"$f\"; done", {("a.py", "edited"), ("b.py", "edited")}),
    ("for f in src/*.py; do cat $f; done", {("src/*.py", "seen")}),
    ("for f in a b\ndo\n  cat ${f}.py\ndone", {("a.py", "read"), ("b.py", "read")}),
    ("F=src/a.py; cat $F && cp $F $F.bak", {("src/a.py", "read"), ("src/a.py.bak", "edited")}),
    ("export D=/r; cat $D/a.py", {("/r/a.py", "read")}),
    ("cat src/{a,b}.py", {("src/a.py", "read"), ("src/b.py", "read")}),
    ("awk '{print $1, $2}' a.csv", {("a.csv", "read")}),
    # substitutions
    ('echo "$(sed -n 1,5p a.py)"', {("a.py", "read")}),
    ("echo `cat a.py`", {("a.py", "read")}),
    ("echo '$(cat a.py) `cat b.py`'", set()),
    ('sed -n "$(grep -n foo a.py | cut -d: -f1),+5p" b.py', {("a.py", "read"), ("b.py", "read")}),
    # what goes through a pipe
    ("cat <<'EOF' | python\nopen('a.py', 'w').write('x')\nEOF", {("a.py", "edited")}),
    ("echo 'cat a.py' | sh", {("a.py", "read")}),
    ("find . -name '*.py' -exec sed -i 's/a/b/' {} \\;", set()),
    ("cat a.py |\n  head -3", {("a.py", "read")}),
    # patches
    ("git apply fix.patch", {("fix.patch", "read")}),
    ("patch src/a.py < fix.patch", {("src/a.py", "edited"), ("fix.patch", "read")}),
    ("patch -p1 <<'EOF'\n--- a/src/a.py\n+++ b/src/a.py\nEOF", {("src/a.py", "edited")}),
    (
        "apply_patch <<'EOF'\n*** Begin Patch\n*** Update File: c.py\n*** Move to: d.py\n*** End Patch\nEOF",
        {("c.py", "edited"), ("d.py", "edited")},
    ),
    # tools and their options
    ("cat -n a.py", {("a.py", "read")}),
    ("nl -ba a.py", {("a.py", "read")}),
    ("less +10 a.py", {("a.py", "read")}),
    ("bat -r 10:20 a.py", {("a.py", "read")}),
    ("wc -l a.py", set()),
    ("sed -i '' 's/a/b/' a.py", {("a.py", "edited")}),
    ("awk -i inplace '{print}' a.py", {("a.py", "edited")}),
    ("yq -i '.a = 1' a.yaml", {("a.yaml", "edited")}),
    ("perl -ne 'print if /x/' a.py", {("a.py", "read")}),
    ("perl -0pi -e 's/a/b/g' a.py b.py", {("a.py", "edited"), ("b.py", "edited")}),
    ("ed -s a.py <<'EOF'\n1d\nw\nEOF", {("a.py", "edited")}),
    ("cp a.py src/", {("a.py", "read"), ("src/a.py", "edited")}),
    (
        "cp a.py b.py src",
        {(x, "read") for x in ("a.py", "b.py")} | {(f"src/{x}", "edited") for x in ("a.py", "b.py")},
    ),
    ("cp -r src dst", set()),
    ("rm -rf build dist", set()),
    ("truncate -s 0 a.log", {("a.log", "edited")}),
    ("ln -s a.py b.py", {("b.py", "edited")}),
    ("curl -sSL -o a.json https://x.org/y.json", {("a.json", "edited")}),
    ("black a.py", {("a.py", "edited")}),
    ("black --check a.py", set()),
    ("prettier --write a.ts", {("a.ts", "edited")}),
    ("gofmt -l a.go", set()),
    ('eval "cat a.py"', {("a.py", "read")}),
    # commands that run others
    ("env -u X Y=1 cat a.py", {("a.py", "read")}),
    ("nice -n 5 cat a.py", {("a.py", "read")}),
    ("timeout -k 5 10s cat a.py", {("a.py", "read")}),
    ("uv run --with x python -c \"open('a.py')\"", {("a.py", "read")}),
    # a file that is run is not read
    ("bash run.sh && source venv/bin/activate", {("run.sh", "seen"), ("venv/bin/activate", "seen")}),
]


@pytest.mark.parametrize(("command", "accesses"), MORE)
def test_touches(command, accesses):
    assert set(effect(command).accesses) == {FileAccess(*one) for one in accesses}


ACTS = [
    ("uv run pytest -q", {"verify"}),
    ("poetry run python -m pytest", {"verify"}),
    ("conda run -n x python manage.py test", {"verify"}),
    ("uv pip install x", {"run"}),
    ("find . -name '*.py' | xargs sed -i 's/a/b/'", {"explore", "implement"}),
    ("find . -name '*.pyc' -delete", {"implement"}),
    ("ls | xargs -n 1 pytest", {"explore", "verify"}),
    ("prettier --check a.ts", {"verify"}),
    ("bundle exec rspec", {"verify"}),
]


@pytest.mark.parametrize(("command", "acts"), ACTS)
def test_acts(command, acts):
    assert effect(command).acts == acts


SCRIPTS = [
    ("p = 'a.py'\ns = open(p).read()\nopen(p, 'w').write(s)", {("a.py", "read"), ("a.py", "edited")}),
    ("t = open('a.py', encoding='utf-8').read()", {("a.py", "read")}),
    ("open('a.py', mode='w', encoding='utf-8')", {("a.py", "edited")}),
    ("p = Path('a.py')\np.write_text(p.read_text())", {("a.py", "read"), ("a.py", "edited")}),
    ("(Path('src') / 'a.py').write_text('x')", {("src/a.py", "edited")}),
    ("p = pathlib.Path('src') / 'a.py'\np.read_text()", {("src/a.py", "read")}),
    ("for f in ['a.py', 'b.py']:\n    open(f).read()", {("a.py", "read"), ("b.py", "read")}),
    ("shutil.copy('a.py', 'b.py')", {("a.py", "read"), ("b.py", "edited")}),
    ("os.rename('a.py', 'b.py'); os.remove('c.py')", {(f"{x}.py", "edited") for x in "abc"}),
    ("require('fs').writeFileSync('a.js', 'x')", {("a.js", "edited")}),
    ("const f = 'a.ts';\nfs.readFileSync(f, 'utf8')", {("a.ts", "read")}),
    ("File.write('a.rb', 'x')", {("a.rb", "edited")}),
    ("x.replace('a.py', 'b.py'); print('open(x)')", set()),
    ("open(name(), 'w'); open(unknown)", set()),
]


@pytest.mark.parametrize(("script", "accesses"), SCRIPTS)
def test_inline_scripts(script, accesses):
    assert set(opened(script)) == accesses


@pytest.mark.parametrize(
    "command",
    [
        "$(" * 20_000,
        'echo "' + "$(" * 20_000 + '"',
        "for a in " + "x " * 5_000 + "; do for b in " + "y " * 5_000 + "; do cat $a$b$a$b; done; done",
        "cat " + "{a,b}" * 5_000,
        "(" * 10_000 + "cd a && cat b.py",
        'python -c "' + "for f in [" + "'a'," * 9_000 + '"',
        'python -c "' + "Path('a') " + "/ 'b' " * 9_000 + '"',
        "eval eval eval eval eval cat a.py",
        "cd a && " * 5_000 + "cat b.py",
    ],
)
def test_adversarial_commands_are_read(command):
    effect(command)


def test_a_tool_call_tells_where_it_runs():
    call = Call(id="1", name="shell", arguments={"command": ["bash", "-lc", "cat a.py"], "workdir": "/r"})
    assert tool_calls.effect(call)[0] == [FileAccess("/r/a.py", "read")]


WINDOWS = [
    ("Get-Content src\\app.ts", {("src/app.ts", "read")}, {"explore"}),
    ("gc .\\src\\app.ts -TotalCount 20", {("src/app.ts", "read")}, {"explore"}),
    ("Get-Content -Path C:\\p\\app.ts -Raw", {("C:/p/app.ts", "read")}, {"explore"}),
    ("get-content -LiteralPath 'C:\\my p\\app.ts' -Tail 5", {("C:/my p/app.ts", "read")}, {"explore"}),
    ("Get-Content a.ts,b.ts | Select-Object -First 3", {("a.ts", "read"), ("b.ts", "read")}, {"explore"}),
    ("type C:\\p\\app.ts", {("C:/p/app.ts", "read")}, {"explore"}),
    ("type app.ts", {("app.ts", "read")}, {"explore"}),
    ("type python", set(), {"explore"}),
    ("more src\\app.ts", {("src/app.ts", "read")}, {"explore"}),
    ("Select-String -Path src\\app.ts -Pattern 'x'", {("src/app.ts", "read")}, {"explore"}),
    ("sls todo app.ts -Context 2", {("app.ts", "read")}, {"explore"}),
    ("findstr /n /i todo src\\app.ts", {("src/app.ts", "read")}, {"explore"}),
    ("Get-ChildItem -Recurse -Filter *.ts", set(), {"explore"}),
    ("dir src", {("src", "seen")}, {"explore"}),
    ("Set-Content -Path src\\app.ts -Value 'x'", {("src/app.ts", "edited")}, {"implement"}),
    ("'x' | Out-File -FilePath out.ts -Encoding utf8", {("out.ts", "edited")}, {"implement"}),
    ("New-Item -ItemType File -Path a.ts", {("a.ts", "edited")}, {"implement"}),
    ("copy a.ts b.ts", {("a.ts", "read"), ("b.ts", "edited")}, {"implement"}),
    ("Copy-Item a.ts -Destination lib\\b.ts", {("a.ts", "read"), ("lib/b.ts", "edited")}, {"implement"}),
    ("Move-Item a.ts b.ts", {("a.ts", "edited"), ("b.ts", "edited")}, {"implement"}),
    ("del /q a.ts", {("a.ts", "edited")}, {"implement"}),
    ('powershell -NoProfile -Command "Get-Content src\\app.ts"', {("src/app.ts", "read")}, {"explore"}),
    ("pwsh.exe -c 'gc app.ts'", {("app.ts", "read")}, {"explore"}),
    ("cmd /c type src\\app.ts", {("src/app.ts", "read")}, {"explore"}),
    ("cd C:\\p; gc app.ts", {("C:/p/app.ts", "read")}, {"explore"}),
    ("Set-Location src; Get-Content app.ts", {("src/app.ts", "read")}, {"explore"}),
    ('[System.IO.File]::ReadAllText("C:\\p\\app.ts")', {("C:/p/app.ts", "read")}, {"explore", "run"}),
    ("[IO.File]::WriteAllText('app.ts', 'x')", {("app.ts", "edited")}, {"implement"}),
    ("cat C:\\p\\app.ts", {("C:/p/app.ts", "read")}, {"explore"}),
    (r"cat my\ file.ts", {("my file.ts", "read")}, {"explore"}),
    (r"grep 'a\.b' app.ts", {("app.ts", "read")}, {"explore"}),
]


@pytest.mark.parametrize(("command", "accesses", "acts"), WINDOWS)
def test_windows_commands(command, accesses, acts):
    done = effect(command)
    assert set(done.accesses) == accesses
    assert done.acts == acts
