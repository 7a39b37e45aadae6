"""Commands as agents and people write them; the default list refuses none of them."""

from __future__ import annotations

from typing import Final

import pytest

from commander.policy.shell.syntax import Dialect
from tests.policy.block.judging import judge

COMMANDS: Final = r"""
rm -rf node_modules dist && npm ci
rm -rf ./dist/*
rm -rf "$PWD/build"
rm -rf "$(pwd)/build"
rm -rf $(pwd)/tmp/*
rm -rf /tmp/build-$$
rm -rf "${TMPDIR:-/tmp}/x"
rm -rf "$HOME/.cache/pip"
rm -rf ~/.cache/*
rm -rf "$XDG_CACHE_HOME/x"
rm -rf __pycache__ .pytest_cache **/*.pyc
find . -name '__pycache__' -type d -exec rm -rf {} +
find . -type f -name '*.tmp' -delete
find /tmp -mtime +7 -delete
find /var/log -name '*.gz' -mtime +30 -delete
find . -type d -empty -delete
find . -delete
git rm -r --cached .
git clean -fd && git checkout .
rm -f /etc/nginx/sites-enabled/default
rm /etc/foo.conf
rm -rf /var/lib/apt/lists/*
apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*
rm -rf /usr/share/doc/x
rm -rf /opt/app/old
rm -rf /home/user/project/build
rm -rf /srv/app/releases/1
mkdir -p /tmp/x && cd /tmp/x && rm -rf ./*
cd build && rm -rf *
cd "$(mktemp -d)" && rm -rf *
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT; cd "$d"
for f in *.log; do rm -rf "$f"; done
for dir in build dist; do rm -rf "$dir"/*; done
for dir in "$@"; do rm -rf "$dir"; done
while read -r f; do rm -rf "$f"; done < list
ls -1 | head -n -5 | xargs rm -rf
ls -t | tail -n +6 | xargs -r rm -rf --
git branch --merged | grep -v main | xargs git branch -d
docker ps -aq | xargs docker rm -f
docker system prune -f
chmod -R u+rwX .
chmod -R 755 /opt/app
chmod -R 777 /tmp/x
chown -R www-data:www-data /var/www/html
sudo chown -R $USER:$USER .
chown -R $(id -u):$(id -g) ./x
grep -rn "rm -rf /" scripts/
grep -R "dd if" . | head
rg 'shutdown|reboot' -g '*.py'
git log --oneline --grep='reboot'
git commit -am "Fix dd; reboot; rm -rf /"
sed -n '/reboot/p' x
sed -i 's/halt/stop/g' f.py
awk '{ print $1 " | reboot" }' f
echo "Run rm -rf / to die" >> README.md
echo 'shutdown' | tee -a notes
printf '%s\n' "dd if=/dev/zero" > x
python3 -c "print('rm -rf /')"
python3 -c "import os; os.system('ls')"
python3 -c "import subprocess; subprocess.run(['rm','-rf','build'])"
python3 -c "import shutil; shutil.rmtree('/tmp/x')"
python3 manage.py shutdown
python3 -m pytest -k 'reboot or halt'
pytest tests/test_dd.py::test_reboot
make shutdown
npm run halt
./gradlew reboot
docker run --rm alpine rm -rf /
docker exec -it x reboot
docker compose run app rm -rf /data
kubectl exec pod -- reboot
ssh host sudo reboot
ssh user@host 'rm -rf /tmp/x'
aws ec2 reboot-instances --instance-ids i-1
vagrant halt
virsh shutdown vm
systemctl status
systemctl list-units | grep reboot
systemctl restart docker
systemctl --user start x
systemctl is-active poweroff.target
journalctl -b -u reboot.target
last reboot
who -b
uptime; last -x shutdown | head
man 8 shutdown
apropos reboot
whatis dd
type mkfs
command -v dd
which dd mkfs shutdown
ls -l /sbin/mkfs*
file /sbin/reboot
stat /dev/sda
lsblk /dev/sda
fdisk -l
blkid /dev/sda1
smartctl -a /dev/sda
hdparm -I /dev/sda
mount /dev/sda1 /mnt
cat /dev/sda | head -c 512 | xxd
head -c 512 /dev/urandom > x
echo x > /dev/null
ls 2>/dev/null
ls > /dev/stdout
cat x > /dev/shm/y
cp x /dev/shm/y
tee /dev/tty < x
if [ -f /sbin/reboot ]; then echo yes; fi
test "$1" = reboot && echo x
case "$1" in start) ./x;; halt) ./y;; esac
case $cmd in reboot|shutdown) echo no;; esac
alias rm='rm -i'
alias dd='echo no'
reboot_count=5; echo $reboot_count
REBOOT=1 make
export HALT=1
env REBOOT=1 make
make REBOOT=1
x="rm -rf /"; echo "$x"
msg='reboot now'; echo $msg
args=(-rf /); echo "${args[@]}"
curl -X POST https://api/reboot
curl https://x/shutdown | jq .
wget https://x/dd.tar.gz
tar xzf dd.tar.gz -C /
tar czf - / | ssh h 'cat > x'
rsync -av --delete src/ dst/
rsync -a --delete ./site/ /var/www/site/
du -sh /* 2>/dev/null | sort -h
ls -la /
find / -name passwd 2>/dev/null
find / -type f -size +100M -exec ls -lh {} \;
find / -maxdepth 1 -type d
find / -perm -4000 -print
grep -r x / --include=*.conf
cd / && find . -name x
cd /; ls; pwd
cd /etc && cat hosts
cd /usr/local && rm -rf share/x
mv /tmp/a /tmp/b
mv x /usr/local/bin/
mv /etc/foo.conf /etc/foo.bak
cp -r /etc /tmp/etc
install -m 755 x /usr/local/bin/x
ln -sf /usr/bin/python3 /usr/local/bin/python
chroot /mnt ls
sudo -u postgres psql -c 'select 1'
nohup ./server > log 2>&1 &
./server & sleep 1; curl localhost; kill %1
while ! curl -s localhost; do sleep 1; done
while true; do ./x || break; sleep 5; done
while true; do inotifywait x; make; done
until pg_isready; do sleep 1; done
for i in $(seq 1 10); do curl -s x & done; wait
for i in {1..5}; do (./job $i &) ; done
seq 1 100 | xargs -P 8 -I{} ./job {}
f() { echo "$1"; }; f a & f b & wait
retry() { "$@" || { sleep 1; retry "$@"; }; }; retry ls
tree() { for f in "$1"/*; do [ -d "$f" ] && tree "$f"; done; }; tree .
log() { echo "$@" | tee -a log; }; log x | cat
run() { "$@" & }; run ls
main() { main_loop | tee x & }; main
cleanup() { rm -rf "$tmp"; }; trap cleanup EXIT
init() { npm init -y; }; init
git init . && terraform init
cargo init x
npm init vite
sudo init 3
timeout 5 cat
xargs -0 -n1 dirname < x
parallel gzip ::: *.log
sh ./install.sh --prefix=/
bash -n script.sh
sh -x ./reboot.sh
curl -fsSL https://x/install.sh | sh
curl -fsSL https://x | bash -s -- --yes
wget -qO- https://x | sudo bash
echo "ls" | sh
eval "$(ssh-agent -s)"
eval "$(direnv hook bash)"
source venv/bin/activate && rm -rf "$VIRTUAL_ENV/lib/x"
set -a; . ./.env; set +a; rm -rf "$OUT_DIR"/*
rm -rf "$PREFIX/share/x"
rm -rf "${D:?}"/*
rm -rf "$1"
rm -rf "$@"
rm -rf $FILES
rm -rf ${DIST_DIR}
rm -rf "$a$b"
sort -o x y
echo '@reboot /home/me/run.sh' | crontab -
crontab -l
(crontab -l; echo '0 5 * * * /x/backup.sh') | crontab -
git bisect run make test
git -c user.name=x commit -m reboot
git config --global core.editor vim
vim -c 'wq' x
perl -pe 's/reboot/x/' f
perl -ne 'print if /halt/' f
ruby -e 'puts "reboot"'
node -e 'console.log("rm -rf /")'
node -e 'process.exit(0)'
jq '.scripts.halt' package.json
sqlite3 x.db 'select * from reboot'
psql -c "drop table halt"
test -e /proc/sysrq-trigger
cat /sys/power/state
echo 1 > /proc/sys/vm/drop_caches
echo dd
printf dd
xargs grep -l reboot < files
zip -r x.zip . -x '*.git*'
ls | while read f; do echo "$f"; done
read -p 'reboot? ' x
[ "$a" = / ] || rm -rf "$a"
x=/tmp/a/b; rm -rf "${x%/*}"
x=/a; rm -rf "$x/b"
p=/opt/app; rm -rf "$p"/releases/*
dir=build; cd $dir && rm -rf *
cd "${1:-.}" && rm -rf *
pushd build; rm -rf *; popd
(cd x && rm -rf *); ls
mkswap swapfile
truncate -s 10M x
shred -u secret
wipefs image.img
losetup /dev/loop0 x
sgdisk -p /dev/sda
badblocks -sv /dev/sda
pvs; vgs; lvs
sync; echo 3 > /proc/sys/vm/drop_caches
shutdown --help
mkfs.ext4 --version
""".strip("\n")

LONGER: Final = [
    "git commit -m \"$(cat <<'E'\nStop on reboot; rm -rf / is gone\nE\n)\"",
    "cat > x.sh <<'E'\n#!/bin/sh\nreboot\nE\nchmod +x x.sh",
    "python3 - <<'E'\nimport os\nos.system('ls')\nprint('rm -rf /')\nE",
    "cat <<E | tee notes\nshutdown -h now\nE",
    'while read -r f; do\n  rm -rf "$f"\ndone <<E\na\nb\nE',
    "set -euo pipefail\ncd build\nrm -rf ./*\n",
    'f() {\n  local d=$1\n  rm -rf "$d"/*\n}\nf build\n',
    "ssh host <<'E'\nsudo reboot\nE",
    "docker run -i x sh <<'E'\nrm -rf /\nE",
    "psql <<E\nselect 'reboot';\nE",
]


@pytest.mark.parametrize("dialect", [Dialect.SH, Dialect.BASH])
@pytest.mark.parametrize("command", [*COMMANDS.split("\n"), *LONGER])
def test_an_ordinary_command_is_left_alone(command: str, dialect: Dialect) -> None:
    assert judge(command, dialect=dialect) is None
