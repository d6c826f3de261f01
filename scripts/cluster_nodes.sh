# The processes of scripts/cluster: one kvnode for each node, found again by its recorded pid. Sourced by it.
# shellcheck shell=bash disable=SC2154  # dir and bin are scripts/cluster's
#
# Files in $dir/NODE: data/ (the node's own), log, pid, started (when the kernel started that process: a pid that now
# belongs to another process is never signalled).

declare -a nodes
declare -A client_address peer_address

# Reads what `kvnode --list-nodes` printed when the cluster was made.
read_nodes() {
  local id client peer zone
  nodes=()
  while IFS=$'\t' read -r id client peer zone; do
    [[ $id =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] || die "node id '$id' in $dir/nodes.tsv cannot be a folder's name"
    nodes+=("$id")
    client_address[$id]=$client
    peer_address[$id]=$peer
  done <"$dir/nodes.tsv"
  ((${#nodes[@]} > 0)) || die "$dir/nodes.tsv names no node"
}

# --- State --------------------------------------------------------------------------------------------------------

# process_field PID N: field N of /proc/PID/stat, counted as in proc(5); empty when there is no such process. The name,
# field 2, may hold anything, so what follows its last parenthesis is counted.
process_field() {
  local stat fields
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 0
  read -ra fields <<<"${stat##*)}"
  printf '%s' "${fields[$(($2 - 3))]}"
}

# pid_of NODE: the pid of its process, empty when it does not run.
pid_of() {
  local pid started
  [[ -f $dir/$1/pid && -f $dir/$1/started ]] || return 0
  pid=$(<"$dir/$1/pid")
  started=$(<"$dir/$1/started")
  [[ $pid =~ ^[0-9]+$ && $(process_field "$pid" 22) == "$started" ]] || return 0
  [[ $(process_field "$pid" 3) != [ZX] ]] || return 0
  printf '%s' "$pid"
}

is_running() { [[ -n $(pid_of "$1") ]]; }

running_nodes() {
  local node
  for node in "${nodes[@]}"; do
    if is_running "$node"; then printf '%s\n' "$node"; fi
  done
}

# state_of NODE: running, paused or stopped.
state_of() {
  local pid
  pid=$(pid_of "$1")
  if [[ -z $pid ]]; then
    echo stopped
  elif [[ $(process_field "$pid" 3) == T ]]; then
    echo paused
  else
    echo running
  fi
}

# answers NODE: its client address answers a status request.
answers() {
  "$bin/kv" --endpoints "${client_address[$1]}" --timeout 1s -o json status </dev/null >/dev/null 2>&1
}

# wait_until SECONDS COMMAND...: until the command succeeds; fails when it does not in time.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

is_stopped() { ! is_running "$1"; }
has_state() { [[ $(state_of "$1") == "$2" ]]; }
# Also true when the process is gone: there is nothing left to wait for.
answers_or_died() { is_stopped "$1" || answers "$1"; }

# --- Start --------------------------------------------------------------------------------------------------------

# port_is_free ADDRESS: nobody in this network namespace listens there. An IPv4 address may be shown as one of IPv6.
port_is_free() {
  local host=${1%:*} port=${1##*:} taken
  taken=$(ss -ltnH "sport = :$port" | awk '{ sub(/:[0-9]+$/, "", $4); print $4 }')
  [[ -z $taken ]] || ! grep -qxF -e "$host" -e "[::ffff:$host]" -e '*' -e '0.0.0.0' -e '[::]' <<<"$taken"
}

# check_ports NODE...: fails, and says which one, when somebody else has a port that one of them needs.
check_ports() {
  local node address addresses
  for node in "$@"; do
    addresses=("${client_address[$node]}")
    [[ $(network_mode) == netns ]] || addresses+=("${peer_address[$node]}")
    for address in "${addresses[@]}"; do
      port_is_free "$address" && continue
      say "cluster: port ${address##*:} of $node ($address) is taken by another process:
$(ss -ltnpH "sport = :${address##*:}")
End that process, or use a configuration with other ports."
      return 1
    done
  done
}

start_node() {
  local node=$1 folder=$dir/$1 pid
  local arguments=("$bin/kvnode" --config "$dir/config.toml" --node "$node" --data-dir "$folder/data" --log-file "$folder/log")
  mkdir -p "$folder/data"
  if [[ $(network_mode) == netns ]]; then
    mapfile -t -O "${#arguments[@]}" arguments < <(network_arguments)
    arguments=(nsenter --net="$(network_namespace "$node")" -- "${arguments[@]}")
  fi
  # A session of its own, so that Ctrl-C in this terminal does not reach it. What it prints before its log is open, or
  # when it dies, goes to the log too.
  setsid "${arguments[@]}" </dev/null >>"$folder/log" 2>&1 9>&- &
  pid=$!
  disown "$pid"
  process_field "$pid" 22 >"$folder/started"
  printf '%s\n' "$pid" >"$folder/pid"
}

# start_nodes NODE...: all at once; returns when each answers. When one does not come up, those started here are stopped.
start_nodes() {
  local node
  if ! check_ports "$@"; then
    [[ -n $(running_nodes) ]] || network_down
    exit 1
  fi
  for node in "$@"; do
    start_node "$node"
  done
  for node in "$@"; do
    wait_until 30 answers_or_died "$node" ||
      start_failed "$node" "does not answer on ${client_address[$node]} after 30 s" "$@"
    is_running "$node" || start_failed "$node" "ended while it started" "$@"
  done
  # A write at QUORUM should work from now on. Where it cannot, for a fault that somebody asked for, that is no failure.
  wait_until 5 is_connected "$@" || true
}

# is_connected NODE...: each sees every node that runs in its part of the network.
is_connected() {
  local node other running=()
  for other in "${nodes[@]}"; do
    [[ $(state_of "$other") != running ]] || running+=("$other")
  done
  for node in "$@"; do
    local wanted=()
    for other in "${running[@]}"; do
      [[ $other == "$node" || $(group_of "$other") != "$(group_of "$node")" ]] || wanted+=("$other")
    done
    ((${#wanted[@]} == 0)) ||
      "$bin/kv" --endpoints "${client_address[$node]}" --timeout 1s -o json status 2>/dev/null |
      jq -e --arg node "$node" '[.nodes[] | select(.id == $node) | .peers[] | select(.alive) | .id] as $alive
          | $ARGS.positional - $alive == []' --args "${wanted[@]}" >/dev/null || return 1
  done
}

# start_failed NODE WHAT STARTED...
start_failed() {
  local node=$1 what=$2
  shift 2
  say "The end of $dir/$node/log:"
  tail -n 15 "$dir/$node/log" >&2
  stop_nodes "$@"
  [[ -n $(running_nodes) ]] || network_down
  die "$node $what; see its log above"
}

# --- Signals ------------------------------------------------------------------------------------------------------

# signal NODE NAME: to its process, if it runs.
signal() {
  local pid
  pid=$(pid_of "$1")
  [[ -n $pid ]] || return 0
  kill -s "$2" "$pid" 2>/dev/null || is_stopped "$1" ||
    die "not allowed to signal $1 (pid $pid): it was started by another user"
}

forget_process() { rm -f "$dir/$1/pid" "$dir/$1/started"; }

# stop_nodes NODE...: all at once, so that none waits for another. Does nothing for those that do not run.
stop_nodes() {
  local node deadline=$((SECONDS + 15))
  for node in "$@"; do
    signal "$node" TERM
    # A frozen process sees the signal only when it goes on.
    signal "$node" CONT
  done
  for node in "$@"; do
    if ! wait_until $((deadline - SECONDS)) is_stopped "$node"; then
      say "$node did not exit within 15 s of SIGTERM; killing it"
      signal "$node" KILL
      wait_until 15 is_stopped "$node" || die "$node (pid $(pid_of "$node")) does not die; is its disk hanging?"
    fi
    forget_process "$node"
  done
}

kill_node() {
  is_running "$1" || die "$1 is not running"
  signal "$1" KILL
  wait_until 15 is_stopped "$1" || die "$1 (pid $(pid_of "$1")) does not die; is its disk hanging?"
  forget_process "$1"
  say "$1 was killed."
}

pause_node() {
  is_running "$1" || die "$1 is not running"
  signal "$1" STOP
  wait_until 5 has_state "$1" paused || die "$1 did not freeze within 5 s"
  say "$1 is frozen; scripts/cluster resume $1 lets it go on."
}

resume_node() {
  is_running "$1" || die "$1 is not running"
  signal "$1" CONT
  wait_until 5 has_state "$1" running || die "$1 did not go on within 5 s"
  say "$1 goes on."
}

wipe_nodes() {
  local node
  for node in "$@"; do
    rm -rf "${dir:?}/$node/data"
  done
}
