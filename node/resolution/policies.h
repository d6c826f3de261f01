// The policies, one by one; node/resolution/policy.h says what they have in common and finds them by kind.
#pragma once

#include "node/resolution/policy.h"

namespace kv {

// Last write wins: keeps the version with the greatest (HLC, dot). A put without a token supersedes what its replica sees.
const Policy& lww_policy();

// Keeps all concurrent values for the client to resolve, by a write with the token of its read. A put without a token
// supersedes nothing; a delete without one, what its replica sees. A put that would make more than kMaxSiblings or
// kMaxSiblingBytes of them is refused.
const Policy& siblings_policy();

// The same, in buckets whose nodes merge siblings by a function of the user's (node/adapters/grpc/merging.h): a put there comes
// with the token of the read that it was merged with, and a reader is shown all of them merged. To replicas, whose join must not
// depend on a definition that they may not have, they are siblings. No value expires, for it may hold others.
const Policy& custom_policy();

// First write wins: a put where there is a value is refused, with or without a token. Of concurrent ones the reader is shown
// the one with the smallest (HLC, dot). A delete makes room for the next.
const Policy& fww_policy();

// The greatest (smallest) of the decimal numbers that were put since the last delete. A put sums up what it sees: it stores
// the best of all of them and supersedes them.
const Policy& max_policy();
const Policy& min_policy();

// The sum of what was added since the last delete; a put adds its value, a whole number of 64 bits. Each actor keeps a sum of
// its own, in one version that its next addition supersedes: sums of different actors never meet.
const Policy& counter_policy();

// The latest of concurrent values, by (HLC, dot). A put supersedes what its token has seen, or without one what its replica
// holds; so does a delete, and a concurrent put survives it: whoever has not seen a value cannot have meant to remove it.
const Policy& register_policy();

// On wins: a flag is on as long as somebody has put it on whom nobody has seen and put it off. Off is a delete.
const Policy& flag_policy();

// One element of a set; add wins: adding is a put, removing a delete.
const Policy& set_policy();

// Of buckets that hold maps (node/storage/collections.h).
const Policy& map_policy();

}  // namespace kv
