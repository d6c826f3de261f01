# The network between the nodes of scripts/cluster. Sourced by it.
# shellcheck shell=bash disable=SC2154  # dir, nodes and peer_address are set by the other two
#
# As root each node lives in a network namespace of its own. All are plugged into bridges in one more namespace, the
# switch; all into br0 while the network is whole:
#
#     node 1: peer0 10.77.0.1 --- p1 \            / p3 --- peer0 10.77.0.3: node 3
#     node 2: peer0 10.77.0.2 --- p2 --- br0   br1
#
# A partition moves the ports of each group to a bridge of its own: packets between groups vanish, as in a real one, and
# nobody is told. Peers talk over 10.77.0.x; a node's client address stays in the namespace that scripts/cluster runs
# in, which kvnode enters for that one socket.
#
# Otherwise nodes run plainly on the addresses in their configuration, and nothing can be cut.
#
# $dir/network says which of both it is; $dir/partition holds one line "NODE GROUP" for each node while it is cut.

network_mode() {
  if [[ -f $dir/network ]]; then cat "$dir/network"; else echo plain; fi
}

# Unique to the cluster's folder, so that several run side by side.
network_prefix() {
  local digest
  digest=$(printf '%s' "$dir" | sha256sum)
  printf 'kv-%s' "${digest:0:8}"
}

# network_namespace NODE|switch|host: its path. "host" is the one that scripts/cluster runs in.
network_namespace() { printf '/run/netns/%s-%s' "$(network_prefix)" "$1"; }

# In the switch's namespace: in_switch link set p1 master br0
in_switch() { ip -n "$(network_prefix)-switch" "$@"; }

# The position of a node, from 1: its address and its port are named by it.
node_number() {
  local i
  for i in "${!nodes[@]}"; do
    if [[ ${nodes[i]} == "$1" ]]; then
      echo $((i + 1))
      return
    fi
  done
}

# --- Up and down --------------------------------------------------------------------------------------------------

network_up() {
  network_down
  if ((EUID != 0)) || [[ ${KV_CLUSTER_NETWORK:-} == plain ]] || ((${#nodes[@]} > 254)); then
    echo plain >"$dir/network"
    return
  fi
  local problem
  if problem=$(set -e && network_make 2>&1); then
    echo netns >"$dir/network"
  else
    say "No network namespaces here, so this cluster cannot be partitioned: ${problem##*$'\n'}"
    network_delete
    echo plain >"$dir/network"
  fi
}

network_make() {
  local prefix i j
  prefix=$(network_prefix)
  # `ip netns add` leaves the namespace of whoever calls it; `attach` gives ours a name that kvnode can open.
  ip netns attach "$prefix-host" "$BASHPID" || return
  ip netns add "$prefix-switch" || return
  make_bridge br0 || return
  for ((i = 1; i <= ${#nodes[@]}; i++)); do
    local namespace=$prefix-${nodes[i - 1]}
    ip netns add "$namespace" || return
    in_switch link add "p$i" type veth peer name peer0 address "$(hardware_address "$i")" netns "$namespace" || return
    in_switch link set "p$i" master br0 up || return
    ip -n "$namespace" link set lo up || return
    ip -n "$namespace" address add "10.77.0.$i/24" dev peer0 || return
    ip -n "$namespace" link set peer0 up || return
    # Neighbours are written down: asking for one that is cut off would fail loudly after some seconds.
    for ((j = 1; j <= ${#nodes[@]}; j++)); do
      ((i == j)) || ip -n "$namespace" neighbour add "10.77.0.$j" lladdr "$(hardware_address "$j")" dev peer0 || return
    done
  done
}

hardware_address() { printf '02:00:0a:4d:00:%02x' "$1"; }

make_bridge() {
  in_switch link show "$1" >/dev/null 2>&1 && return
  in_switch link add "$1" type bridge && in_switch link set "$1" up
}

# Removes whatever of this cluster's network there is. Its nodes must have stopped.
network_down() {
  rm -f "$dir/partition"
  if [[ $(network_mode) == netns ]]; then
    ((EUID == 0)) || die "this cluster's network was made by root; removing it needs root too"
    network_delete
  fi
  rm -f "$dir/network"
}

network_delete() {
  local prefix name
  prefix=$(network_prefix)
  for name in /run/netns/"$prefix"-*; do
    [[ ! -e $name ]] || ip netns delete "${name##*/}"
  done
}

# The arguments that tell kvnode about this network, one a line.
network_arguments() {
  local i
  printf '%s\n' --client-netns "$(network_namespace host)"
  for i in "${!nodes[@]}"; do
    printf '%s\n' --peer-address "${nodes[i]}=10.77.0.$((i + 1)):${peer_address[${nodes[i]}]##*:}"
  done
}

# --- Partitions ---------------------------------------------------------------------------------------------------

need_partitions() {
  if ((EUID != 0)); then
    say "cluster: cutting nodes off from each other needs root: run scripts/cluster as root, from up on"
    exit "$KV_EXIT_NOT_ALLOWED"
  fi
  [[ -f $dir/network ]] || die "this cluster is down; start it first: scripts/cluster up"
  if [[ $(network_mode) != netns ]]; then
    say "cluster: this cluster runs without network namespaces, so it cannot be cut. Started without root, or namespaces
did not work: as root, run scripts/cluster down, then up; up says what is wrong."
    exit "$KV_EXIT_NOT_ALLOWED"
  fi
}

# network_partition A,B/C
network_partition() {
  need_partitions
  local groups group number=0 node named
  local -A group_of_node=()
  [[ $1 == */* && $1 != /* && $1 != */ && $1 != *//* ]] ||
    die_usage "'$1' is not a partition: name two groups or more, as in n1,n2/n3"
  IFS=/ read -ra groups <<<"$1"
  for group in "${groups[@]}"; do
    IFS=, read -ra named <<<"$group,"
    for node in "${named[@]}"; do
      [[ -n $node ]] || die_usage "group '$group' names an empty node"
      need_node "$node"
      [[ -z ${group_of_node[$node]:-} ]] || die_usage "node $node is named twice in '$1'"
      group_of_node[$node]=$number
    done
    number=$((number + 1))
  done
  local lines=()
  for node in "${nodes[@]}"; do
    lines+=("$node ${group_of_node[$node]:-0}")
  done
  plug_in "${lines[@]}"
  printf '%s\n' "${lines[@]}" >"$dir/partition"
  describe_groups
}

# The others are named before the node, so that they stay where they are.
network_isolate() {
  local node others=()
  need_partitions
  ((${#nodes[@]} > 1)) || die "$1 is the only node: there is nobody to cut it off from"
  for node in "${nodes[@]}"; do
    [[ $node == "$1" ]] || others+=("$node")
  done
  network_partition "$(IFS=, && echo "${others[*]}")/$1"
}

network_heal() {
  need_partitions
  local node lines=()
  for node in "${nodes[@]}"; do
    lines+=("$node 0")
  done
  plug_in "${lines[@]}"
  rm -f "$dir/partition"
  say "Every node reaches every other node."
}

# plug_in "NODE GROUP"...: unplugs every port that moves before it plugs in any, so that groups never meet on the way.
plug_in() {
  local line port moves=()
  for line in "$@"; do
    port=p$(node_number "${line% *}")
    make_bridge "br${line##* }"
    if [[ $(port_bridge "$port") != "br${line##* }" ]]; then
      in_switch link set "$port" nomaster
      moves+=("$port br${line##* }")
    fi
  done
  for line in "${moves[@]}"; do
    in_switch link set "${line% *}" master "${line##* }"
  done
}

port_bridge() { in_switch -j link show "$1" | jq -r '.[0].master // ""'; }

# group_of NODE: "-" while the network is whole, else its group, from 1.
group_of() {
  local group
  group=$(awk -v node="$1" '$1 == node { print $2 + 1 }' "$dir/partition" 2>/dev/null) || true
  echo "${group:--}"
}

describe_groups() {
  awk '{ members[$2] = members[$2] (members[$2] == "" ? "" : ",") $1; if ($2 > last) last = $2 }
       END { for (i = 0; i <= last; i++) line = line (i ? " | " : "") members[i]; print "Cut: " line }' "$dir/partition" >&2
}
