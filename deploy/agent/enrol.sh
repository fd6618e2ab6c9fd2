#!/bin/sh
# Makes this machine a node: `enrol.sh <folder with join.env and ca.pem>`. Fetches the agent from the daemon that join.env names, over
# TLS that only the grid's own authority can vouch for, checks every file against its digest, and lets the agent join and install
# itself. Needs curl, gzip and sha256sum. May be repeated until it succeeds; ends with 6 when the daemon cannot be reached.
set -eu
umask 077
seed=${1:-/etc/syntropy}
home=/usr/local/lib/syntropy-agent
state=/var/lib/syntropy
# The name that a daemon's certificate always carries, whatever its address.
name=daemon.syntropy.internal
UNREACHABLE=6
UNSUPPORTED=8

fail() {
  echo "enrol: $2" >&2
  exit "$1"
}

# shellcheck source=/dev/null
. "$seed/join.env"
: "${SYNTROPY_DAEMON_URL:?the stick names no daemon}"

case $(uname -s)-$(uname -m) in
  Linux-x86_64) platform=linux-x64 ;;
  Linux-aarch64) platform=linux-arm64 ;;
  *) fail "$UNSUPPORTED" "there is no agent for $(uname -s) on $(uname -m)" ;;
esac
for program in curl gzip sha256sum; do
  command -v "$program" > /dev/null || fail "$UNSUPPORTED" "this system has no $program"
done

# https://host:port/path: the port may be missing, the host be an IPv6 address in brackets.
rest=${SYNTROPY_DAEMON_URL#https://}
address=${rest%%/*}
case $rest in */*) prefix=/${rest#*/} ;; *) prefix= ;; esac
case $address in
  *]) host=$address port=443 ;;
  *:*) host=${address%:*} port=${address##*:} ;;
  *) host=$address port=443 ;;
esac

# fetch <path> <file> <most bytes>
fetch() {
  answer=$(curl --fail --silent --show-error --noproxy '*' --proto '=https' --tlsv1.2 --cacert "$seed/ca.pem" \
    --connect-to "$name:$port:$host:$port" --header "Host: $address" \
    --connect-timeout 20 --speed-limit 1024 --speed-time 60 --max-time 3600 --max-filesize "$3" \
    --write-out '%{http_code}' --output "$2" -- "https://$name:$port$prefix$1") && return
  case $answer in
    429) ;;
    4??) fail "$UNSUPPORTED" "the daemon has no $1 (status $answer)" ;;
  esac
  fail "$UNREACHABLE" "$SYNTROPY_DAEMON_URL$1 could not be fetched"
}

mkdir -p "$home"
chmod 755 "$home"
work=$home/.fetched
mkdir -p "$work"
fetch "/v1/agent/releases/latest/$platform" "$work/manifest" 4096
[ "$(head -n 1 "$work/manifest")" = 'syntropy agent release 1' ] || fail "$UNSUPPORTED" 'the daemon offers an agent of another kind'

while read -r what digest size file; do
  [ "$what" = file ] || continue
  case $size in '' | *[!0-9]*) continue ;; esac
  case $file in agent.mjs | launch.sh | node | syntropy-agent.service) ;; *) continue ;; esac
  # What an earlier try has brought is kept.
  if ! echo "$digest  $work/$file" | sha256sum -c > /dev/null 2>&1; then
    fetch "/v1/agent/files/$digest" "$work/$file.gz" "$((size + 65536))"
    gzip -dc "$work/$file.gz" | head -c "$size" > "$work/$file"
    rm -f "$work/$file.gz"
    echo "$digest  $work/$file" | sha256sum -c > /dev/null 2>&1 || fail "$UNREACHABLE" "$file did not arrive whole"
  fi
done < "$work/manifest"
chmod 755 "$work/node" "$work/launch.sh"

# From here on it is the agent's own work: it checks the signature, joins, and puts itself in place.
exec "$work/node" "$work/agent.mjs" enrol --from "$work" --home "$home" --state-dir "$state" --seed "$seed"
