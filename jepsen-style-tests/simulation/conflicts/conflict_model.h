// The reference model of the journal of conflicts (node/replica/conflicts.h): what may stand in it and what must.
//
// What each write had seen is heard from the core as it is issued; what each node has noted, from its commits.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "jepsen-style-tests/simulation/judges/tables.h"
#include "node/messages/message.h"
#include "node/storage/record_codec.h"

namespace kv::sim {

class ConflictModel {
 public:
  void issued(const Delta& delta);  // the same dot anew: the commit before had failed

  // A commit notes a conflict, or drops the note. Empty if that is right; otherwise what is wrong.
  std::string noted(std::size_t node, const storage::Conflict& conflict);
  void dropped(std::size_t node, Dot lost);
  // All notes of keys that `is_gone` names.
  void dropped_with(std::size_t node, const std::function<bool(const std::string&)>& is_gone) {
    std::erase_if(notes_[node], [&](const auto& of_key) { return is_gone(of_key.first); });
  }
  void disk_changed(std::size_t node, const std::vector<storage::Conflict>& left);

  // A node is about to take a delta that it has not processed; and has then committed, at the same instant, or else has not taken
  // it. Empty if nothing is noted any more of what the writes of those that it has now processed had seen.
  void delta_arrives(std::size_t node, Instant now, const Delta& delta);
  std::string committed(std::size_t node, Instant now,
                        const std::function<bool(const Delta&)>& is_processed);

  // Of the key's writes that everybody has processed, a value that is gone although no write had seen it, and that nobody has
  // noted; or none. `is_held`: it is what is left. `is_processed`: by everybody, and never forgotten.
  std::string unnoted(const std::string& key, const std::function<bool(Dot)>& is_held,
                      const std::function<bool(Dot)>& is_processed) const;

 private:
  struct Write {
    std::string key;
    Version version;
    Clock context;
  };
  const Write* find(const std::string& key, Dot dot) const;
  struct Arrived {
    Instant at;
    Delta delta;
  };

  ByDot<Write> writes_;
  std::map<std::string, std::vector<Dot>> writes_of_;                     // by storage key
  using Notes = std::map<std::string, std::map<Dot, storage::Conflict>>;  // by storage key
  std::map<std::size_t, Notes> notes_;                                    // by node
  std::map<std::size_t, std::vector<Arrived>> arrived_;  // by node, since its last commit
};

}  // namespace kv::sim
