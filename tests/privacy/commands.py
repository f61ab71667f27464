"""Shell commands that show a protected file; `<p>`, `<w>`, `<d>`, `<i>` and `<n>` as in `targets`.

One that needs the folder runs only on files whose folder is protected.
"""

import re
from collections.abc import Sequence

from targets import ALL, IN_FOLDER, RELATIVE, Pair

_NAME = re.compile("<[pw]>")

POSIX = r"""
cat <p>
tac <p>
nl -ba <p>
head -n 50 <p>
tail -c +1 <p>
less -FX <p>
more <p>
bat --plain <p>
sed -n '1,200p' <p>
sed '' <p>
awk '{print}' <p>
awk 1 <p>
perl -pe1 <p>
perl -ne 'print' < <p>
cut -c1- <p>
sort <p>
uniq -c <p>
tr a-z A-Z < <p>
rev <p> | rev
paste <p> /dev/null
fold -w 80 <p>
fmt <p>
pr -t <p>
column -t <p>
od -c <p>
xxd <p>
xxd -p <p> | xxd -r -p
hexdump -C <p>
strings -n 1 <p>
base64 <p>
base64 -d <p>
base32 <p>
uuencode <p> x
dd if=<p> bs=1k status=none
dd if="<p>" of=/dev/stdout
cp <p> /dev/stdout
cp <p> /tmp/x && cat /tmp/x
mv <p> x; cat x
ln -s <p> x && cat x
install -m 600 <p> /tmp/x; cat /tmp/x
tee < <p>
wc -l <p>
split -b 1k <p> --filter=cat
csplit -s <p> 1 && cat xx00
cat < <p>
cat 0<<p>
exec 3<<p>; cat <&3
echo "$(<<p>)"
echo "$(cat <p>)"
echo `cat <p>`
mapfile -t lines < <p>; printf '%s\n' "${lines[@]}"
while read -r line; do echo "$line"; done < <p>
read -r -d '' text < <p>; echo "$text"
cat <(cat <p>)
diff <(cat <p>) /dev/null
diff <p> /dev/null
diff -u /dev/null <p>
cmp -l <p> /dev/zero
comm <p> /dev/null
join <p> <p>
sdiff <p> /dev/null
vimdiff <p> other
grep "" <p>
grep -n . <p>
grep -c '' <p>; cat <p>
egrep -v '^$' <p>
rg . <p>
rg --no-filename password <p>
ag . <p>
# show the file\ncat <p>
# look at it\ncat <p>
\n\n   cat <p>
cat \\\n  <p>
if true; then\n  cat <p>\nfi
for f in <p>; do cat "$f"; done
case x in x) cat <p>;; esac
show() { cat "$1"; }; show <p>
(cat <p>)
{ cat <p>; }
! cat <p>
true && cat <p> || true
sleep 1; cat <p> &
time cat <p>
timeout 5 cat <p>
nice -n 19 cat <p>
nohup cat <p>
sudo cat <p>
sudo -u app -- cat <p>
doas cat <p>
su - app -c 'cat <p>'
env X=1 cat <p>
X=1 cat <p>
command cat <p>
builtin source <p>
\cat <p>
/bin/cat <p>
busybox cat <p>
bash -c 'cat <p>'
bash -lc "cat <p>"
sh -c "cat '<p>'"
zsh -ic 'cat <p>'
fish -c 'cat <p>'
eval "cat <p>"
eval 'cat' '<p>'
echo 'cat <p>' | sh
bash <<'EOF'\ncat <p>\nEOF
cat <<EOF\n$(cat <p>)\nEOF
xargs cat <<< "<p>"
echo <p> | xargs cat
printf '%s\0' <p> | xargs -0 -n1 cat
parallel cat ::: <p>
watch -n1 -g cat <p>
script -qc 'cat <p>' /dev/null
tmux new-session -d 'cat <p>' \; capture-pane -p
F=<p>; cat "$F"
export CONFIG=<p> && cat $CONFIG
set -- <p>; cat "$1"
source <p> && env
. ./<p>; printenv
set -a; . <p>; set +a; env
env $(grep -v '^#' <p> | xargs) printenv
python3 -c "print(open('<p>').read())"
python3 -c 'import pathlib; print(pathlib.Path("<p>").read_text())'
python3 - <<'EOF'\nwith open("<p>") as f:\n    print(f.read())\nEOF
python -m json.tool <p>
python -m base64 <p>
python3 -m dotenv -f <p> list
node -e "console.log(require('fs').readFileSync('<p>','utf8'))"
node -p "fs.readFileSync('<p>')+''"
bun -e "console.log(await Bun.file('<p>').text())"
deno eval "console.log(Deno.readTextFileSync('<p>'))"
ruby -e 'puts File.read("<p>")'
php -r 'readfile("<p>");'
lua -e 'print(io.open("<p>"):read("*a"))'
Rscript -e 'cat(readLines("<p>"), sep="\n")'
go run ./tools/show <p>
cargo run -q -- --config <p>
make show FILE=<p>
jq . <p>
yq -P <p>
xmllint --format <p>
sqlite3 <p> .dump
psql -f <p>
mysql < <p>
csvlook <p>
pandoc <p>
openssl x509 -in <p> -text -noout
openssl enc -base64 -in <p>
openssl rsa -in <p> -text
openssl pkcs12 -in <p> -nodes
gpg -d <p>
gpg --decrypt < <p>
age -d -i key.txt <p>
sops -d <p>
ansible-vault view <p>
ssh-keygen -y -f <p>
ssh -i <p> -v box true
keytool -printcert -file <p>
certtool -i --infile <p>
git show HEAD:<p>
git show HEAD~3:./<p>
git --no-pager show main:<p>
git -C /repo show :<p>
git cat-file -p HEAD:<p>
git diff HEAD -- <p>
git diff --no-index /dev/null <p>
git log -p -- <p>
git log -L1,20:<p>
git blame <p>
git annotate <p>
git stash show -p stash@{0} -- <p>
git grep -h '' -- <p>
git archive HEAD <p> | tar -xO
git checkout HEAD~1 -- <p> && cat <p>
git restore -s HEAD~1 <p>; git diff
hg cat <p>
svn cat <p>
jj file show <p>
docker exec app cat /app/<p>
docker exec -it app sh -c "cat /app/<p>"
docker cp app:/app/<p> -
docker compose exec web cat <p>
docker run --rm -v "$PWD:/w" -w /w alpine cat <p>
docker run --env-file <p> alpine env
podman exec app cat /app/<p>
nerdctl exec app cat /app/<p>
kubectl exec deploy/web -- cat /app/<p>
kubectl exec -n prod web-0 -c app -- sh -c 'cat /app/<p>'
kubectl cp prod/web-0:/app/<p> /dev/stdout
kubectl create secret generic x --from-file=<p> --dry-run=client -o yaml
kubectl create configmap x --from-env-file=<p> --dry-run=client -o yaml
helm template . -f <p>
terraform plan -var-file=<p>
ssh box cat repo/<p>
ssh box 'cat /srv/app/<p>'
ssh box -- "sudo cat <p>"
scp box:repo/<p> /dev/stdout
rsync -a box:repo/<p> . && cat x
sftp box:repo/<p> -
curl file:///repo/<p>
curl -s "file://$PWD/<p>"
curl -F "f=@<p>" http://127.0.0.1:9000/echo
curl -d @<p> http://127.0.0.1:9000/echo
curl --data-binary @<p> http://127.0.0.1:9000/echo
wget -qO- file:///repo/<p>
http POST :9000/echo < <p>
nc -l 9000 < <p>
socat - FILE:<p>
aws s3 cp s3://backups/<p> -
gsutil cat gs://backups/<p>
vault kv put x @<p>
gh gist create <p> && gh gist view
tar -xOf backup.tar <p>
tar cf - <p> | strings
tar -cz <p> | base64
zip - <p> | base64
unzip -p backup.zip <p>
7z e -so backup.7z <p>
gzip -c <p> | base64
zcat -f <p>
xz -c <p> | base64
cpio -o <<< <p>
ar p lib.a <p>
vim -es '+%print' '+q' <p>
ex -sc '%p|q' <p>
ed -s <p> <<< ',p'
emacs --batch <p> --eval '(princ (buffer-string))'
pbcopy < <p> && pbpaste
xclip -o < <p>
stat <p>
ls -la <p>
file <p>
mdcat <p>
glow <p>
psql -f<p>
ssh -i<p> box true
docker build --secret id=db,src=<p> --progress=plain .
docker run -v ./<p>:/x:ro alpine cat /x
mysql --defaults-file=<p> --print-defaults
curl -K <p> -v
curl --cert <p> -v https://x.example
node --env-file=<p> -p process.env
npx dotenv -e <p> -- printenv
cat -- "<p>"
cat "./<p>"
cat ~/repo/<p>
cat "${ROOT}/<p>"
cat /proc/self/cwd/<p>
python3 -c "print(open('./<p>', 'rb').read().decode())"
python3 -c "import shutil, sys; shutil.copyfileobj(open(r'<p>'), sys.stdout)"
node -e "import('fs').then(f => console.log(f.readFileSync(`<p>`, 'utf8')))"
nix-shell --run "cat <p>"
direnv exec . cat <p>
poetry run python show.py <p>
uv run show.py --file <p>
npm run show -- <p>
pnpm exec cat <p>
make -s show f=<p>
just show <p>
gdb -batch -ex 'shell cat <p>'
strace -e read -s 9999 cat <p>
lsof <p>; cat <p>
inotifywait <p>; cat <p>
rclone cat remote:repo/<p>
restic dump latest /repo/<p>
borg extract --stdout ::a repo/<p>
git lfs smudge < <p>
git show $(git log -1 --format=%H -- <p>):<p>
git rev-list --all | xargs git grep '' -- <p>
git diff HEAD~1 HEAD -- <p>
git difftool -y -x cat HEAD -- <p>
git stash show -p && cat <p>
gh api repos/team/repo/contents/<p>
glab api projects/1/repository/files/<p>/raw
az storage blob download -c x -n <p>
heroku run cat <p>
fly ssh console -C 'cat /app/<p>'
vagrant ssh -c 'cat /vagrant/<p>'
adb shell cat /sdcard/<p>
ansible all -m command -a 'cat /app/<p>'
ansible all -m slurp -a 'src=/app/<p>'
salt '*' cmd.run 'cat /app/<p>'
expect -c 'spawn cat <p>; expect eof'
osascript -e 'read POSIX file "/repo/<p>"'
wsl -e cat <p>
lsd <p>
""".strip("\n").split("\n")

FOLDER = r"""
cat <d>/*
cat <d>/**
cat <d>/{<i>,x}
grep -r "" <d>
grep -r "" <d>/
grep -rh . ./<d>
rg . <d>
rg -uu --no-heading '' <d>
rg -g '<d>/**' .
ag . <d>
ack . <d>
git grep -h '' -- <d>
git grep '' -- ':/<d>'
git diff -- <d>
git log -p <d>
git show HEAD -- <d>
git archive HEAD <d> | tar -xO
git format-patch --stdout -1 -- <d>
find <d> -type f -exec cat {} +
find <d> -type f -exec cat {} \;
find ./<d> -type f -print0 | xargs -0 cat
find . -path "*/<d>/*" -exec cat {} +
find . -path './<d>*' -type f | xargs head
find . -name <d> -exec cat {}/<i> \;
find . -type d -name '<d>' | while read d; do cat "$d"/*; done
fd . <d> -x cat
ls <d> | xargs -I{} cat <d>/{}
ls <d>/ | while read f; do cat "<d>/$f"; done
for f in <d>/*; do cat "$f"; done
for f in $(ls <d>); do cat <d>/$f; done
cd <d> && cat <i>
cd <d>; cat <i>
cd ./<d>/ && cat ./<i>
cd "<d>" && head *
cd <d>\ncat <i>
(cd <d>; cat <i>)
pushd <d>; cat <i>; popd
pushd <d> >/dev/null && cat <i>
cd src && cd ../<d> && cat <i>
cd /repo/<d> && tail -n +1 *
env -C <d> cat <i>
git -C <d> show HEAD:./<i>
make -C <d> show
npm --prefix <d> run show
D=<d>; cat $D/<i>
D=<d>; F=<i>; cat "$D/$F"
export DIR=<d>; cat ${DIR}/<i>
cat $(echo <d>)/<i>
cat "$(pwd)/<d>/<i>"
cat ${PWD}/<d>/<i>
cat `pwd`/<d>/<i>
tar czf - <d> | base64
tar cf - -C <d> . | strings
zip -qr - <d> | base64
cp -r <d> /tmp/x && cat /tmp/x/<i>
mv <d> x && cat x/<i>
ln -s <d> x; cat x/<i>
rsync -a <d>/ /tmp/x && cat /tmp/x/<i>
rsync -a box:repo/<d>/ x; cat x/<i>
scp -r box:repo/<d> x && cat x/<i>
ssh box 'cd repo/<d> && cat <i>'
ssh box 'cat repo/<d>/*'
docker run --rm -v "$PWD/<d>:/x" alpine cat /x/<i>
docker run --rm --mount type=bind,src=<d>,dst=/x alpine cat /x/<i>
docker cp app:/app/<d> - | tar -xO
docker exec -w /app/<d> app cat <i>
kubectl exec web-0 -- tar cf - /app/<d> | tar xO
kubectl create secret generic x --from-file=<d> --dry-run=client -o yaml
kustomize build <d>
python3 -c "import os; print(open(os.path.join('<d>', '<i>')).read())"
python3 -c "from pathlib import Path; print((Path('<d>') / '<i>').read_text())"
python3 -c "import glob; print([open(f).read() for f in glob.glob('<d>/*')])"
python3 -m http.server -d <d> & curl -s localhost:8000/<i>
node -e "const p=require('path');console.log(require('fs').readFileSync(p.join('<d>','<i>'),'utf8'))"
ruby -e 'Dir["<d>/*"].each { |f| puts File.read(f) }'
perl -e 'print <>' <d>/*
awk 'FNR==1{print FILENAME} 1' <d>/*
tree <d> && cat <d>/<i>
ls -la <d>
ls -R <d>
du -a <d>
diff -r <d> /tmp/empty
wc -c <d>/*
unzip -p backup.zip '<d>/*'
tar -xOf backup.tar <d>
tar -xOf backup.tar --wildcards '<d>/*'
sops -d <d>/<i>
restic dump latest /repo/<d>
7z x -so backup.7z <d>
vim <d>
repomix --include "<d>/**" --stdout
files-to-prompt <d>
code2prompt <d>
gitingest <d> -o -
make -C<d> show
git -C<d> log -p
tar -C<d> -cf - . | strings
python3 -c "print(open('<d>' + '/<i>').read())"
python3 -c "print(open('/'.join(['<d>', '<i>'])).read())"
python3 -c "import os; os.chdir('<d>'); print(open('<i>').read())"
python3 -c "from pathlib import Path; [print(f.read_text()) for f in Path('<d>').rglob('*')]"
node -e "process.chdir('<d>'); console.log(require('fs').readFileSync('<i>')+'')"
node -e "for (const f of require('fs').readdirSync('<d>')) console.log(f)"
ruby -e 'Dir.chdir("<d>") { puts File.read("<i>") }'
bash -c 'cd <d> && cat <i>'
ssh box "cd repo && tar cf - <d>" | tar xO
rg --files <d> | xargs cat
fzf --preview 'cat {}' < <(find <d>)
while read f; do cat "$f"; done < <(find <d> -type f)
docker build --build-context x=<d> --progress=plain .
kubectl cp web-0:/app/<d> /tmp/x && cat /tmp/x/<i>
cat <d>/!(README*)
shopt -s globstar; cat <d>/**/*
ls -1 <d> | sed 's|^|<d>/|' | xargs cat
cd <d>
cd <d> || exit 1
git submodule foreach 'cat <d>/<i>'
git sparse-checkout set <d> && cat <d>/<i>
git worktree add /tmp/w && cat /tmp/w/<d>/<i>
scp -r ./<d> box:/tmp/
rclone copy remote:repo/<d> /tmp/x && cat /tmp/x/<i>
""".strip("\n").split("\n")

POWERSHELL = r"""
Get-Content <w>
gc <w>
cat <w>
type <w>
Get-Content -Path .\<w> -Raw
Get-Content -LiteralPath "<w>" | Select-Object -First 50
Get-Content "$PWD\<w>"
Get-Content "$env:USERPROFILE\repo\<w>"
[IO.File]::ReadAllText('<w>')
[System.IO.File]::ReadAllBytes("C:\repo\<w>")
(Get-Item <w>).OpenText().ReadToEnd()
Select-String -Path <w> -Pattern .
sls . <w>
Import-Csv <w>
Get-Content <w> | ConvertFrom-Json
Format-Hex <w>
Copy-Item <w> x; gc x
Invoke-Expression "gc <w>"
& { Get-Content <w> }
powershell -NoProfile -Command "Get-Content <w>"
pwsh -c 'gc <w>'
$f = "<w>"; Get-Content $f
switch -File <w> { default { $_ } }
certutil -encode <w> CON
# read it\nGet-Content <w>
Start-Process -Wait notepad <w>
New-Object IO.StreamReader "<w>"
""".strip("\n").split("\n")

POWERSHELL_FOLDER = r"""
Get-ChildItem <d> | Get-Content
gci -Recurse <d> | % { gc $_.FullName }
Set-Location <d>; Get-Content <n>
Push-Location <d>; gc <n>; Pop-Location
sl <d>; gc <n>
Get-Content (Join-Path <d> <n>)
Get-Content <d>\*
Select-String -Path <d>\* -Pattern .
Compress-Archive <d> x.zip
dir <d> -Recurse | Select-String .
$d = '<d>'; Get-Content "$d\<n>"
""".strip("\n").split("\n")

CMD = r"""
type <w>
type .\<w>
type "C:\repo\<w>"
more < <w>
more <w>
findstr /r "." <w>
find "" <w>
copy <w> con
copy /y <w> x && type x
xcopy <w> x /y & type x
for /f "delims=" %i in (<w>) do @echo %i
cmd /c type <w>
cmd.exe /c "type <w>"
fc <w> nul
certutil -dump <w>
notepad <w>
rem show\ntype <w>
@type <w>
wsl cat /mnt/c/repo/<p>
""".strip("\n").split("\n")

CMD_FOLDER = r"""
type <d>\*
cd <d> && type <n>
cd /d C:\repo\<d> & type <n>
pushd <d> && type <n>
for %f in (<d>\*) do type %f
dir /s /b <d>
findstr /s /r "." <d>\*
""".strip("\n").split("\n")


def commands() -> list[str]:
    """All; a backslash and an n stand for a line break."""
    lines = [*POSIX, *FOLDER, *POWERSHELL, *POWERSHELL_FOLDER, *CMD, *CMD_FOLDER]
    return [line.replace(r"\n", "\n") for line in dict.fromkeys(lines)]


def pairs(command: str) -> Sequence[Pair]:
    """The targets that a command can run on; an absolute path follows no other."""
    if "<d>" in command or "<i>" in command:
        return IN_FOLDER
    alone = all(
        command[match.start() - 1 : match.start()] in {"", *" \"'(=@<"} for match in _NAME.finditer(command)
    )
    return ALL if alone else RELATIVE
