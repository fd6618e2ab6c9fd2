#!/bin/sh
# Started by syntropy-agent.service in place of the agent: `launch.sh <arguments of the agent>`. Runs the release that is current,
# and goes back to the one before when a new one does not prove itself, also when that one cannot even be started.
#
#   current, previous   links into releases/
#   trial.json          there is one: the current release is new, and its agent removes this when the daemon has welcomed it
#   trial.starts        a byte for each start since
#   failed.json         what trial.json was, after it has come to nothing
set -eu
home=$(dirname "$0")
MAX_STARTS=3
# "Start me again" (EX_TEMPFAIL of sysexits.h); the unit knows it.
AGAIN=75

if [ -e "$home/trial.json" ]; then
  if [ "$(wc -c < "$home/trial.starts" 2>/dev/null || echo 0)" -ge "$MAX_STARTS" ]; then
    # The link may be back already, when the power was cut right here.
    [ ! -L "$home/previous" ] || mv -T "$home/previous" "$home/current"
    mv "$home/trial.json" "$home/failed.json"
    rm -f "$home/trial.starts"
    echo "the new release did not prove itself: back to $(readlink "$home/current")" >&2
  else
    printf . >> "$home/trial.starts"
  fi
fi

# The service manager tells every process of the service to stop, so the agent hears it as well: this one only waits for it.
trap : TERM INT
status=0
"$home/current/node" --max-semi-space-size=1 "$home/current/agent.mjs" "$@" || status=$?
# Whatever a release on trial ends with, it gets another start or its predecessor does. (An empty file in the place of a program ends well.)
[ ! -e "$home/trial.json" ] || exit "$AGAIN"
exit "$status"
