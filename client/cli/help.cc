#include "client/cli/help.h"

#include <map>

namespace kv::cli {

const char kAppFooter[] = R"help(
Flags may stand before or after the command. What follows "--" is never taken
for a flag:  kv put temperature -- -x

Environment, for flags that are not given:
  KV_ENDPOINTS  KV_BUCKET  KV_LEVEL  KV_TIMEOUT  KV_OUTPUT

Output. Values go to standard output exactly as stored, with a newline added
only on a terminal; everything else goes to standard error. -o json prints one
object per result, and per error. In JSON a key or value that is no UTF-8 stands
as base64 under "key_base64", "value_base64" or, for all values of a get,
"values_base64".

Exit codes
  0  ok
  1  not found
  2  usage or bad input
  3  no node could be reached; nothing was applied
  4  not allowed
  5  refused: certainly not applied (too few replicas, overload); or a read that
     too few replicas answered, or none that has what its --session has seen
  6  outcome unknown: the write may have been stored; its dot is printed when it
     is known
  7  several siblings where one value was asked for
  8  condition not met: it exists already, or has changed; or a watch's token is
     too old
  9  timed out: what was waited for has not come true

Examples
  kv put user:1 Ada                      store a value
  kv get user:1                          print it
  kv put photo --file photo.jpg          store a file
  kv scan --prefix user: -o json         list keys and values
  kv import users.jsonl --level quorum   load many records
  kv export > backup.jsonl               save everything
  kv --endpoints 10.0.0.1:7101,10.0.0.2:7101 status
  source <(kv completion bash)           complete with the Tab key
)help";

namespace {

constexpr const char* kPut = R"help(
The value is VALUE, the content of a file (--file F), or standard input (-); up
to 4 MiB of any bytes. Without a token the write supersedes what its bucket's
policy says (kv bucket --help): in the default bucket, what the node that
coordinates it holds. With one, from a get of the same key, it supersedes
exactly what that get saw.

--if-absent and --if-current refuse the write (exit code 8) when the node that
coordinates it holds a value, or a version that the token has not seen. They
detect a conflict that has reached that node; a concurrent write at another may
still be made, and is then resolved by the bucket's policy.

--ttl 30s (ms, s, m, h or d): after that time the key is as if deleted. It is
told by the clocks of the nodes. What has expired takes no older value back, and
is removed from disk once every replica has it. Only in buckets of policy lww,
siblings and fww.

--session FILE: see kv get --help.

--request-id ID, also of del, incr, set and map: names this write of this key,
so that it may be sent again, to any node. For 10 minutes every attempt finds
the first and is answered for it, also past --if-absent. So a script retries
what ended with exit code 6, 5 or 3 with the same ID; a new write needs a new
one (the same ID for something else is refused, 2). "Certainly not applied" (5)
speaks of the attempt that it answers. What nodes that cannot reach each other
both write is, once they can, put or deleted again, and of a counter counted
once: node/docs/6-requests.md.

Prints "ok dot=... acks=..." on standard error; with -o json: key, dot, token,
acks, coordinator.

Examples
  kv put user:1 Ada --level all --durability disk
  tar c photos | kv put backup -
  kv put user:1 Bo --token "$(kv get user:1 --token-only)"
  kv put session:9f2 Ada --ttl 30m
  kv put user:1 Ada --request-id "$(uuidgen)"
)help";

constexpr const char* kGet = R"help(
Prints the value exactly as stored. Exit code 1: the key has no value; 7: it has
several, which -o json shows. With -o json: key, values, token, replicas,
agreed. "agreed" is false when the replicas asked did not hold the same
versions; the value is then the newest. When a value is no UTF-8,
"values_base64" stands in place of "values".

--session FILE makes this one of a sequence of requests, at any levels and
nodes: a get sees what earlier puts, dels and incrs with this file have written,
and no older state of a key than earlier gets have seen; a write is ordered
after what was seen. FILE need not exist, is replaced after each request, and is
for one command at a time. When the nodes that can be asked have not yet got
what the session has seen, the get waits for them until --timeout, then is
refused (exit code 5, "stale"). When no node has it any more, since a disk was
lost, that is said at once: remove FILE to begin anew.

Examples
  kv get photo > photo.jpg
  kv put user:1 Ada --level one --session s && kv get user:1 --level one --session s
  kv get user:1 -o json --level all
)help";

constexpr const char* kDel = R"help(
Deleting a key that has no value is a write like any other, and succeeds. With
-o json: key, dot, token, acks, coordinator.

--if-current refuses the delete (exit code 8) when the node that coordinates it
holds a version that the token has not seen.

Several keys are deleted in batches, many at once, and answered one by one in
their order; each that fails is named on standard error. There is no atomicity
across keys. A token is of one key, so --token goes with one only. Exit code:
that of the worst that happened, which is, from the worst, 6, 5, 3, 4, 2; when
some keys were deleted and no node could be reached for others, 5.

Examples
  kv del user:1
  kv del user:1 user:2 user:3
  xargs -d '\n' kv del -- < keys
)help";

constexpr const char* kSet = R"help(
A set is a key of a bucket of policy set. Its elements are added and removed one
by one, each answered on its own; adding the hundred-thousandth costs what the
first did. An element that one client removes while another adds it stays: who
has not seen it cannot have meant to remove it.

ls prints an element a line, with \t \n \r \\ and \xNN for what would break
one; with -o json: key, elements. Exit code 1: the set is empty. rm without ELEM
removes all that it finds.

Examples
  kv bucket create carts --policy set
  kv --bucket carts set add ada apples pears
  kv --bucket carts set rm ada pears
  kv --bucket carts set ls ada
)help";

constexpr const char* kMap = R"help(
A map is a key of a bucket of policy map. A field holds, by --type, a register
(the latest value), a counter (put adds VALUE to it), a flag (true or false) or a
set (put adds the element VALUE, rm removes it); --in leads into maps in maps.
Changes of different fields never meet. A field that is put while another client
removes it stays.

get FIELD prints a register's value, a counter's number or "true" as it is; of
more than that, and without FIELD, a line for each: its path, then its value or
element, with tabs between them. With -o json: key, leaves (path, policy, value
or element). Exit code 1: there is nothing. rm removes all that it finds at FIELD
and below.

Examples
  kv bucket create profiles --policy map
  kv --bucket profiles map put ada email ada@example.org
  kv --bucket profiles map put ada logins 1 --type counter
  kv --bucket profiles map put ada city London --in address
  kv --bucket profiles map get ada -o json
)help";

constexpr const char* kScan = R"help(
Keys in ascending byte order with their values. --timeout is the longest wait
without one more key, not the whole scan's.

Prints a line for each: key, TAB, value, with \t \n \r \\ and \xNN for what
would break a line or is no text; with --base64 both in base64. With -o json:
{"key":...,"value":...}, or "values" where a key has several.

Examples
  kv scan --prefix user: --limit 10
  kv scan --start a --end b -o json
)help";

constexpr const char* kWatch = R"help(
Prints each change of a key, or of all keys that begin with a prefix (--prefix ''
for all of the bucket), as it becomes visible at one node: deletes included,
whichever node took the write, until interrupted. Nothing is left out and nothing
comes twice. The node is the first of the endpoints that takes the watch; it tells
of the keys of which it holds a replica.

A line for each value: key, TAB, value, escaped as by kv scan; of what a set or
map holds: key, path or element, value. The key alone: it has no value any more.
With -o json: key, dots[] (the writes that the node processed with this change),
values[], deleted, token, and expires_ms[] of values that expire, which makes no
event; of sets and maps also path, policy, element. Objects of a token alone come
first, and every few seconds when only what is not watched has changed.

--from TOKEN goes on after an object with that token, at the same node and with
the same KEY or PREFIX, also after a restart. Exit code 8: the token is too old.
The node keeps a bounded log of changes (change_log_bytes), and none of before a
loss of power or of its disk. Then read the current state, and watch from now on:
begin the new watch first, so that nothing between is lost. When the node is away
for more than a minute, the watch ends with exit code 3.

Examples
  kv watch user:1
  kv watch --prefix user: -o json | while read -r line; do ...; done
  kv watch --prefix user: -o json --from "$token"
)help";

constexpr const char* kImport = R"help(
FILE, or standard input (-), holds one record a line. What decides on the format
is --format; else the end of FILE's name, which is .tsv, or .json, .jsonl or
.ndjson; else the first line, which is JSON if it begins with "{":

  JSON lines   {"key":"user:1","value":"Ada"}
               "key_base64" and "value_base64" for bytes that are no UTF-8; an
               object or array as value is stored as its text, without the
               white space between its parts
  TSV          user:1, TAB, Ada
               \t \n \r \\ and \xNN stand for a tab, newline, carriage return,
               backslash and any byte

Blank lines are skipped. A line that is refused is reported on standard error
with its number and the reason, and the others are imported. Lines with the same
key are stored in their order.

Survives the death of a node: what gets no answer is sent again through the next
endpoint, with pauses, for at most --retry-for. A record may thus be stored
twice, under two dots, which is harmless except that it can supersede what
somebody else writes to the same key meanwhile. When --retry-for is not enough
the import stops and says after which line.

Ends with the number of records, their bytes, the time and the rate on standard
error. Exit code 0: everything is stored; 2: every line that is not was bad; 5
or 6: some were refused, or their outcome is unknown.

Examples
  kv import users.jsonl
  zcat users.tsv.gz | kv import - --level one --in-flight 16
)help";

constexpr const char* kExport = R"help(
Every key and value, in ascending byte order, in a form that import reads:
import(export(x)) is x, whatever the bytes.

Examples
  kv export > backup.jsonl
  kv export --format tsv | kv --endpoints other:7101 import -
)help";

constexpr const char* kIncr = R"help(
The key is in a bucket of policy counter. Additions at several nodes all count,
once each. When an addition's outcome is unknown (exit code 6), repeating it
with the --request-id that it had counts it once, within 10 minutes and at
whatever node (kv put --help); without one it may count twice. A delete starts anew from 0, except that an addition at another
node at the same time keeps what that node had added before.

Examples
  kv bucket create visits --policy counter
  kv --bucket visits incr home
  kv --bucket visits incr home -- -3
  kv --bucket visits incr home --request-id visit-8812
  kv --bucket visits get home
)help";

constexpr const char* kBucket = R"help(
A bucket's policy says what becomes of concurrent writes to one key, and never
changes:

  lww       the last write wins, by time; what the bucket "default" has
  siblings  all are kept; a get returns them, and a put with its token resolves
            them. At most 100 of them, and 4 MiB
  fww       the first write wins; a put where there is a value is refused (8)
  max, min  the greatest or smallest of the decimal numbers that were put
  counter   the sum of what was added; see kv incr --help
  register  the latest; a delete spares what it has not seen
  flag      "true" or "false", by put; of concurrent ones, true
  set       sets of elements; adding wins; see kv set --help
  map       maps of registers, counters, flags and sets; see kv map --help
  custom    merged by a function of yours, in Lua

Making a bucket needs a majority of all nodes. Making the same one again
succeeds; one of that name with another policy is refused (8). So is one while
another node makes a different one of that name, or died over it: make that very
one to finish it.

--n N: how many nodes hold each key of the bucket, one of the numbers that the
cluster's configuration has under replicas and bucket_replicas.

--merge FILE defines function merge(a, b), which returns what two values that
were put at the same time become; up to 16 KiB. A get shows all of them merged;
a put without a token is merged with what is there, with one it supersedes what
was read. The function can call: assert error ipairs pairs select tonumber
tostring type; json.decode(text [, "object"]) json.encode json.array json.null;
most of string (find looks for plain text), table and math. It has 10 million
instructions and 32 MiB. Values have up to 256 KiB; one for which it raises an
error is refused when it is put (2).

It is taken only if it is commutative, associative and idempotent for all that it
is tried on, else refused with the values that show it (2): values of --samples
FILE (a line each; - for standard input) and of --samples-from BUCKET, others
like them, and texts, numbers and JSON documents of all kinds. JSON documents
that mean the same are the same. Let it raise an error for what is no value. If
it breaks a law later, siblings are shown instead, and kv status says so.

Examples
  kv bucket create carts --policy siblings
  kv bucket ls
  kv --bucket carts put cart:1 apples
  kv bucket create baskets --policy custom --merge client/examples/cart.lua
)help";

constexpr const char* kWait = R"help(
A receipt for a write: asks every node until as many of the key's replicas have
the write as --level says, all unless it is given; with --durability disk, until
their disks have it. Exit code 9 after --timeout, also when no node knows the
dot. With -o json: dot, satisfied, replicas[], each with id, applied, durable.

Examples
  dot=$(kv put user:1 Ada -o json | jq -r .dot)
  kv wait "$dot" --timeout 10s
  kv wait "$dot" --level quorum --durability disk
)help";

constexpr const char* kConverged = R"help(
Compares the clocks of all replicas of every partition. They are equal exactly
when all have processed the same writes. Exit code 0 if so; 9 if not, or if a
node does not answer. With -o json: converged, partitions_behind[],
unreachable[].

Examples
  kv converged
  kv converged --wait --timeout 30s && echo all equal
)help";

constexpr const char* kExplain = R"help(
Asks every replica of the key for its own account: the versions that it holds,
with their dots and times, and which of the others' versions it has not
processed yet. Then what a reader who asks all of them is shown, and why. With
-o json: key, policy, partition, replicas[], each with node, state,
clock_covers_all, lacks[], context_dots, versions[] (dot, hlc, value or marker);
winners[], why. hlc: 48 bits of milliseconds, then 16 of a counter.

Examples
  kv explain user:1
  kv --bucket carts explain cart:1 -o json
)help";

constexpr const char* kConflicts = R"help(
Of two writes of a key that have not seen each other the bucket's policy keeps
one. A replica that finds them together notes the one that was lost; list asks
all nodes and prints an entry for each loss, the latest first. That goes for
buckets of policy lww; and for those of policy fww and register, and registers
in maps, where the value that was not shown is lost with the next write.

A replica keeps the notes of a partition for seven days, and the latest 1,000 or
1 MiB of them. Of values beyond 16 KiB only the size. When messages overtake
each other, a write that the winner had seen by way of another may be listed.

list prints a line for each: dot, key, what was lost, and the dot of the winner,
with tabs between them. show DOT prints the value exactly as it was put. restore
DOT reads the key and puts the lost value in the place of what is there (or
deletes it, if what was lost is a delete), unless it changes meanwhile (exit
code 8); what it replaces is named. Exit code 1: nobody has noted such a loss, or
the value was not kept, or its time to live has ended. The entry stays.

With -o json: dot, bucket, key, path[] (in a map), hlc, marker or value_bytes and
value_kept, value (show), expires_ms, winner, winner_hlc, noted_ms, nodes[];
restore: key, restored, replaced[], dot, token, acks, coordinator.

Examples
  kv conflicts list
  kv conflicts list user:1 -o json
  kv conflicts show 00c0ffee00c0ffee:17
  kv conflicts restore 00c0ffee00c0ffee:17
)help";

constexpr const char* kStatus = R"help(
Asks the endpoints and every member that they name. Exit code 0 when at least
one answers, 3 when none does. With -o json one object: nodes[], each with id,
address, state ("alive", "skewed" or "unreachable"), keys, clock_skew_ms (its
clock minus the majority's; beyond the limit it is skewed, and orders no writes
in buckets of policy lww until its clock is set), disk_bytes, memory_bytes,
dot_log_entries and max_dot_log_entries (beyond which a replica that is away is
given up, and will get full transfers), markers (deletes that some replica is
not known to have on disk), replicas_unfit and replicas_discarded (those found
damaged: not served from until rebuilt; and discarded so far), partitions,
anti_entropy, reads (gets for which other nodes were asked: hedges and spares
sent to one more replica, versions sent to repair those behind), merges (keys
merged by functions of buckets of policy custom, puts that these refused, and
how often one broke a law), scrub (bytes compared with other replicas, ranges
skipped because they were being written, keys in which replicas with the same
writes were different, those mended here, passes through everything here) and
peers[], each with id, alive, debt_dots, debt_age_ms and transfers_owed
(partitions that it will get as a whole).
)help";

constexpr const char* kCompletion = R"help(
Examples
  source <(kv completion bash)           in ~/.bashrc
  kv completion zsh > ~/.zfunc/_kv       with ~/.zfunc in fpath, before compinit
  kv completion fish > ~/.config/fish/completions/kv.fish
)help";

}  // namespace

std::string command_footer(const std::string& command) {
  static const std::map<std::string, const char*> kFooters = {
      {"put", kPut},         {"get", kGet},
      {"del", kDel},         {"scan", kScan},
      {"import", kImport},   {"export", kExport},
      {"status", kStatus},   {"completion", kCompletion},
      {"incr", kIncr},       {"bucket", kBucket},
      {"set", kSet},         {"map", kMap},
      {"wait", kWait},       {"converged", kConverged},
      {"explain", kExplain}, {"conflicts", kConflicts},
      {"watch", kWatch}};
  const auto found = kFooters.find(command);
  return found == kFooters.end() ? "" : found->second;
}

}  // namespace kv::cli
