# What the scripts share. Sourced, never run:  source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck shell=bash

set -euo pipefail

KV_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
KV_SCRIPT=${0##*/}
# The packages put ip and friends there; a plain user's PATH may lack it.
PATH=$PATH:/usr/sbin:/sbin

# Exit codes as in the CLI's contract.
readonly KV_EXIT_USAGE=2 KV_EXIT_NOT_ALLOWED=4

say() { printf '%s\n' "$*" >&2; }

# die MESSAGE: something failed. Messages say what to do about it.
die() {
  say "$KV_SCRIPT: $*"
  exit 1
}

# die_usage MESSAGE: the command line was wrong.
die_usage() {
  say "$KV_SCRIPT: $*"
  say "Try 'scripts/$KV_SCRIPT --help'."
  exit "$KV_EXIT_USAGE"
}

# Prints the comment at the top of the script that runs, without the shebang: the help text is written once.
print_help() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"; }

# help_if_asked "$@": prints the help and leaves when any argument asks for it.
help_if_asked() {
  local argument
  for argument in "$@"; do
    if [[ $argument == --help || $argument == -h ]]; then
      print_help
      exit 0
    fi
  done
}

# build_dir PRESET: where CMakePresets.json puts it.
build_dir() {
  if [[ $1 == release ]]; then
    printf '%s\n' "$KV_ROOT/build"
  else
    printf '%s\n' "$KV_ROOT/build-$1"
  fi
}

# Our own sources, NUL-separated, for the tools that take lists of files: own_sources PATTERN...
own_sources() {
  local pattern names=()
  for pattern in "$@"; do
    names+=(-o -name "$pattern")
  done
  local folders=()
  for folder in node client proto bench jepsen-style-tests cmake; do
    [[ -d $KV_ROOT/$folder ]] && folders+=("$folder")
  done
  (cd "$KV_ROOT" && find "${folders[@]}" -type f \( "${names[@]:1}" \) -print0 | sort -z)
}
