# For the scripts of this folder, after scripts/lib.sh: a cluster of three nodes of its own, and records to store.
# Uses the binaries of build/ and the ports 28101 to 28103 and 28201 to 28203; the rest in a new folder, which is removed at exit.
# shellcheck shell=bash

export KV_BUILD_DIR=$KV_ROOT/build
export KV_ENDPOINTS=127.0.0.1:28101,127.0.0.1:28102,127.0.0.1:28103
kv=$KV_BUILD_DIR/bin/kv
[[ -x $kv ]] || die "no $kv: run scripts/build"
bench_folder=$(mktemp -d)
trap 'cluster down >&2; rm -rf "$bench_folder"' EXIT
sed 's/127\.0\.0\.1:7/127.0.0.1:28/' "$KV_ROOT/cluster-configs/three-nodes.toml" >"$bench_folder/config.toml"

# scripts/cluster COMMAND ... on it.
cluster() {
  local command=$1
  shift
  [[ $command == up ]] && set -- --config "$bench_folder/config.toml" "$@"
  "$KV_ROOT/scripts/cluster" "$command" "$@" --dir "$bench_folder/cluster"
}

# Lines KEY, TAB, VALUE: $1 records with keys of 12 bytes, spread evenly over $2 of them, and values of 100 that do not compress, by the
# seed $3.
records() {
  awk -v n="$1" -v total="$2" -v seed="$3" '
    BEGIN {
      srand(seed)
      digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
      for (i = 0; i < n; i++) {
        value = ""
        for (j = 0; j < 100; j++) value = value substr(digits, int(rand() * 62) + 1, 1)
        printf "key-%08d\t%s\n", int(i * total / n), value
      }
    }'
}

# Until nobody is owed anything, the logs are empty and no marker is left: everything is on every disk.
settle() {
  until "$kv" status -o json |
    jq -e 'all(.nodes[]; .dot_log_entries == 0 and .markers == 0 and all(.peers[]; .debt_dots == 0))' >/dev/null; do
    "$kv" converged --wait --timeout 60s >&2 || true
    sleep 0.2
  done
}
