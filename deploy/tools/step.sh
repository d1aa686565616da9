#!/usr/bin/env bash
# step.sh NAME "WHAT" COMMAND… runs a command of the build: one line when it starts, one with its duration when it ends. Its
# output goes to .tools/log/NAME.log and is shown when it fails.
set -euo pipefail
name=$1 what=$2
shift 2
log=.tools/log/$name.log
mkdir -p .tools/log
start=$(date +%s.%N)
elapsed() { awk -v a="$start" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f s", b - a }'; }
printf '%s  %-13s %s\n' "$(date +%T)" "$name" "$what"
if "$@" >"$log" 2>&1; then
	printf '%s  %-13s done in %s\n' "$(date +%T)" "$name" "$(elapsed)"
else
	status=$?
	tail -n 40 "$log" >&2
	printf '%s  %-13s failed after %s: the whole output is in %s\n' "$(date +%T)" "$name" "$(elapsed)" "$log" >&2
	exit "$status"
fi
