# The rules of scripts/check_layers that look into files. Input: files; output: FILE:LINE: RULE: what is wrong.
# Plain awk, for mawk too. Include lines are read as they are; every other rule sees code without comments and strings.

BEGIN {
  # The layer of each folder under node/. What is in no layer is checked by path alone.
  rank["base"] = 1; rank["causality"] = 2; rank["resolution"] = 3; rank["storage"] = 4; rank["ring"] = 5; rank["membership"] = 5
  rank["messages"] = 5; rank["feed"] = 7; rank["replica"] = 6; rank["coordinator"] = 7; rank["replication"] = 7; rank["core"] = 8
  rank["adapters"] = 9; rank["main"] = 10
  only_base["ring"] = 1; only_base["membership"] = 1

  # "|" on either side of a name: what the spaces around every code line are for.
  name_edge = "[^A-Za-z0-9_]"
  clocks = name_edge "(system_clock|steady_clock|high_resolution_clock|clock_gettime|gettimeofday|GetCurrentTimeNanos)" name_edge
  clock_calls = name_edge "(absl::Now|std::time|time)[ ]*\\([ ]*(nullptr|NULL|0)?[ ]*\\)"
  random_calls = name_edge "(rand|srand|random|arc4random|getrandom)[ ]*\\("
  random_types = name_edge "(random_device|BitGen|InsecureBitGen)" name_edge
  threads = name_edge "(std::thread|std::jthread|std::async|pthread_create)" name_edge
  sleeps = name_edge "(sleep_for|sleep_until|SleepFor|usleep|nanosleep|sleep)[ ]*\\("
  environment = name_edge "(getenv|secure_getenv|setenv)" name_edge
  hashed = name_edge "(unordered_(multi)?(map|set)|(flat|node)_hash_(map|set))" name_edge
  simulated = name_edge "(KV_MARK|KV_PLANTED|KV_SIMULATION)" name_edge
  pointer_hash = "std::hash<[^>]*\\*[^>]*>"
  io_headers = "^(fstream|iostream|filesystem|thread|condition_variable|future|sys/.*|unistd\\.h|boost/.*|rocksdb/.*|spdlog/.*|toml\\+\\+/.*|CLI/.*)$"
}

function report(rule, text) { printf "%s:%d: %s: %s\n", FILENAME, FNR, rule, text }

# The folder under node/ that a path is in ("main" for node/*.cc), or "".
function layer_of(path,    parts, n) {
  n = split(path, parts, "/")
  if (parts[1] != "node") return ""
  return n == 2 ? "main" : parts[2]
}

# Code without comments and string literals, which keep their quotes. Block comments may span lines.
function strip(line,    out, i, two, c) {
  out = ""
  for (i = 1; i <= length(line); i++) {
    two = substr(line, i, 2); c = substr(line, i, 1)
    if (in_block) { if (two == "*/") { in_block = 0; i++ } continue }
    if (two == "//") break
    if (two == "/*") { in_block = 1; i++; continue }
    if (c == "'" && out ~ /[0-9A-Fa-f]$/) { out = out c; continue }  # 1'000
    if (c == "\"" || c == "'") {
      out = out c
      for (i++; i <= length(line) && substr(line, i, 1) != c; i++) if (substr(line, i, 1) == "\\") i++
    }
    out = out substr(line, i, 1)
  }
  return out
}

function check_include(target,    to) {
  to = layer_of(target)
  if (target ~ /(_test|_fuzz|_bench)\.(h|cc)$/ || (target ~ /^jepsen-style-tests\// && FILENAME !~ /^jepsen-style-tests\//))
    report("layers", "includes a test, " target)
  if (FILENAME ~ /^client\// && target ~ /^(node|bench)\//)
    report("layers", "the client includes only itself and the generated protos, not " target)
  if (layer != "") {
    if (target ~ /^(client|bench)\// || (target ~ /^kv\// && target !~ /^kv\/v1\//))
      report("layers", "a node does not know the client: " target)
    else if (to != "" && layer in rank && !(to in rank))
      report("layers", target " is in no known layer: add its folder to scripts/check_layers.awk")
    else if (to != "" && layer in only_base && to != layer && to != "base")
      report("layers", layer " includes base only, not " target)
    else if (to != "" && layer in rank && to != layer && rank[to] >= rank[layer])
      report("layers", layer " may not include " to ": " target)
  }
  if ((target ~ /^(grpc|grpcpp|grpc\+\+)\// || target ~ /\.grpc\.pb\.h$/) && FILENAME !~ /^(node\/adapters\/grpc|client\/src|client\/testing|jepsen-style-tests\/process\/harness)\//)
    report("grpc", target " belongs into node/adapters/grpc and client/src")
  else if ((target ~ /^google\// || target ~ /\.pb\.h$/) &&
      FILENAME !~ /^(node\/adapters|client\/src|client\/testing)\// && FILENAME !~ /_codec(_test|_fuzz)?\.cc$/)
    report("protobuf", target " belongs into adapters, client/src and *_codec.cc")
  if (core && target ~ io_headers && target != "boost/container/flat_map.hpp" && !(test && target == "thread"))
    report("io", "the core does no I/O: <" target ">")
}

function check_core(code) {
  if (code ~ clocks || code ~ clock_calls) report("pure", "the core is told the time; it reads no clock")
  if (code ~ random_calls || code ~ random_types) report("pure", "the core draws only from the generator it is handed")
  if (code ~ threads && !test) report("pure", "the core starts no thread")
  if (code ~ sleeps) report("pure", "the core does not wait: it returns when to be called next")
  if (code ~ environment && !test) report("pure", "the core does not read the environment: pass a setting")
  if (code ~ hashed) report("order", "a hashed container's order differs from run to run: use std::map or a sorted vector")
  if (code ~ pointer_hash) report("order", "a pointer's hash differs from run to run")
}

function end_of_file() {
  if (previous != "" && lines > 500)
    printf "%s:%d: file-size: %d lines; the limit is 500: split it by what it does\n", previous, lines, lines
}

FNR == 1 {
  end_of_file()
  previous = FILENAME
  in_block = 0
  cpp = FILENAME ~ /\.(cc|h)$/
  # Contract suites are tests that several implementations share.
  test = FILENAME ~ /(_test\.(cc|h)|_contract\.h)$/
  layer = layer_of(FILENAME)
  core = layer != "" && layer != "main" && layer != "adapters" && layer != "docs"
  if (cpp && layer != "" && !(layer in rank)) report("layers", "node/" layer " is in no known layer: add it to scripts/check_layers.awk")
}

{ lines = FNR }

index($0, TO_DO) || index($0, FIX_ME) { report("unfinished", "do it now, or file an issue") }

!cpp { next }

/^[ \t]*#[ \t]*include[ \t]*["<]/ {
  target = $0
  sub(/^[^"<]*["<]/, "", target)
  sub(/[">].*$/, "", target)
  check_include(target)
  next
}

{
  code = " " strip($0) " "
  if (core) check_core(code)
  if (FILENAME ~ /^node\/.*\.h$/ && FILENAME != "node/base/simulation.h" && code ~ simulated)
    report("twice", "marks and planted bugs stand in .cc files: headers are the same in both builds of the core")
  if (test && code ~ sleeps) report("sleep", "wait for a condition with a deadline")
  if (code ~ /GTEST_SKIP|[^A-Za-z0-9]DISABLED_/) report("skipped", "fix it or delete it")
}

END { end_of_file() }
