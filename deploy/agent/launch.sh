#!/bin/sh
# Started by syntropy-agent.service in place of the agent: `launch.sh <arguments of the agent>`. Runs the release that is current,
# and goes back to the one before when a new one does not prove itself, also when that one cannot be started, or hangs.
#
#   current, previous   links into releases/
#   trial.json          there is one: a new release is on trial, and its agent removes this when the daemon has answered it
#   trial.id            which one, as its folder in releases/
#   trial.starts        a byte for each start since
#   failed.json         what trial.json was, after it has come to nothing
#
# A disk that takes nothing keeps nobody from starting the agent.
set -u
home=$(dirname "$0")
MAX_STARTS=3
# The agent itself gives up after two minutes.
MAX_TRIAL_SECONDS=150
# "Start me again" (EX_TEMPFAIL of sysexits.h); the unit knows it.
AGAIN=75

starts() {
  if [ -e "$home/trial.starts" ]; then wc -c < "$home/trial.starts"; else echo 0; fi
}

go_back() {
  # The link is back already when the power was cut right here, and was never moved when it was cut before that.
  if [ "$(readlink "$home/current")" = "releases/$(cat "$home/trial.id" 2> /dev/null)" ] && [ -L "$home/previous" ]; then
    mv -T "$home/previous" "$home/current"
  fi
  mv "$home/trial.json" "$home/failed.json"
  rm -f "$home/trial.starts" "$home/trial.id"
  echo "the new release did not prove itself: back to $(readlink "$home/current")" >&2
}

if [ -e "$home/trial.json" ]; then
  # In a shell of its own: some end a script whose redirection fails.
  if [ "$(starts)" -ge "$MAX_STARTS" ]; then go_back
  elif ! (printf . >> "$home/trial.starts"); then echo 'this start could not be counted' >&2; fi
fi

"$home/current/node" --max-semi-space-size=1 "$home/current/agent.mjs" "$@" &
agent=$!
trap 'kill -TERM "$agent" 2> /dev/null' TERM INT
watchdog=
if [ -e "$home/trial.json" ]; then
  (
    trap - TERM INT
    sleep "$MAX_TRIAL_SECONDS"
    [ ! -e "$home/trial.json" ] || kill -KILL "$agent"
  ) > /dev/null 2>&1 &
  watchdog=$!
fi

# A signal ends the waiting, not the agent.
wait "$agent"
status=$?
while kill -0 "$agent" 2> /dev/null; do
  wait "$agent"
  status=$?
done
[ -z "$watchdog" ] || kill "$watchdog" 2> /dev/null
# Whatever a release on trial ends with, it gets another start or its predecessor does. (An empty file in the place of a program ends well.)
[ ! -e "$home/trial.json" ] || exit "$AGAIN"
exit "$status"
