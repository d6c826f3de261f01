// Preference lists: for each partition, all nodes in the order in which they are to hold it.
//
// Intuition: rendezvous hashing gives every (partition, node) a score and prefers high scores.
// Nothing is stored, and a new node takes only what it wins. But scores are as uneven as dice: with
// 64 partitions the busiest of 5 nodes would hold a fifth more than its share. So the dice decide
// first, and then as few partitions as possible are moved to even it out.
//
// The lists are made place by place (all first places, then all second places, ...). For one place:
//   1. every partition takes its best-scored node among those *allowed*: not yet in its list, and
//      of a zone that is in it as seldom as possible - so that the first replicas fall into
//      distinct zones while there are any left;
//   2. while a node could hand a partition to a node with at least two fewer (directly, or along a
//      chain of nodes, each handing one on to the next), it does, choosing the partition whose
//      score suffers least.
// Step 2 is the search for augmenting paths of bipartite matching, so the result is the evenest
// that the zones allow given the earlier places. It ends because each move lowers the sum of the
// squared loads.
//
// What follows from it (held by tests):
//   - without zones, or with zones of one size, the number of replicas that a node holds is its
//     share within 1; so is the number of first places, whose holders are the first to be asked by
//     others. Zones of unequal size forbid even shares: nodes of small zones hold more. There the
//     choice place by place is not always the best possible; the worst of 3000 random layouts had
//     a node 16 % off its best share, 96 of 100 had none off by more than 1;
//   - the lists for n + 1 start with the lists for n: raising N adds replicas and moves none;
//   - adding a node moves little more than what the new node must take while a node holds many
//     partitions. N = 3, no zones, replicas moved (of all; what the new node takes):
//         5 to 6 nodes    64 partitions:  37 (of 192;  32)    1024 partitions: 525 (of 3072; 512)
//       20 to 21 nodes    64 partitions:  45 (of 192;   9)    1024 partitions: 240 (of 3072; 146)
//     Evening out small shares costs more. With zones it is the same within a fifth at 3 zones;
//     where a new node changes which zones are small, it can be up to two thirds more.
//
// Cost: 5 nodes at 64 partitions take 50 us, 100 nodes at 1024 take 0.1 s, and the limits of
// everything 0.8 s.
//
// Rejected: a fixed walk (node p, p + 1, ...): perfectly even, but a new node moves most of the
// data, and a dead node's load falls on two neighbours. Plain rendezvous or hashed tokens: uneven
// at 64 partitions. Capacity limits while hashing: the last partitions may find no allowed node
// with room left, and need a repair like step 2 anyway.
//
// Pure functions; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "node/base/types.h"
#include "node/ring/ring.h"

namespace kv {

// By partition. Places from n on follow the score and the zones but are not evened out. `nodes`
// sorted by id, at least n.
std::vector<std::vector<NodeIndex>> make_preference_lists(const std::vector<RingNode>& nodes,
                                                          std::uint32_t partitions, std::size_t n);

}  // namespace kv
