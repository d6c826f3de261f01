// Small scenarios in text that read like an explanation of the protocol: commands, each with the output expected of it.
//
// A line that starts with "> " is a command, the lines up to the next command or empty line are its output, and lines that
// start with "#" are prose. A line "> cluster ..." starts a new cluster; everything is as deterministic as a simulation is.
//
//   cluster nodes=3 n=3 partitions=1 page=BYTES skew=MS (the limit) kept=COMMITS log=ENTRIES
//   put NODE KEY VALUE [one|quorum|all] [disk] [token] [session] [id=REQUEST]     del NODE KEY ...     get NODE KEY [LEVEL] [session]
//   isolate NODE   cut NODE NODE   block NODE NODE   heal   lose NODE NODE PERMILLE   delay NODE NODE MS
//   crash NODE [power|wiped]   stop NODE   start NODE [claimed|recovered: how far it gets]   backup NODE   restore NODE [unseen]   swap NODE NODE
//   rot NODE KEY (its object can no longer be read there)
//   watch NODE [again: with the token of the last watcher]   events NODE (since the last time)
//   clock NODE OFFSET_MS   run MS   show KEY   converge   warnings   clocks   logs   conflicts
#pragma once

#include <string>

namespace kv::sim {

// What the text would be if the output were as it is now.
std::string replay_transcript(const std::string& text);

// Replays every *.txt in the folder. Prints what differs, or rewrites the files. 0 if nothing differed.
int run_transcripts(const std::string& folder, bool rewrite);

// True if any differs; in a process of its own.
bool transcripts_differ(const std::string& folder);

}  // namespace kv::sim
