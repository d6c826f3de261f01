// One client's session: what it hands along from request to request, and beside it the client's own history, by which the
// answers are judged. A client may have several requests under way; what one must see is what had been answered before it
// was sent.
// Not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "jepsen-style-tests/simulation/truth.h"
#include "node/causality/session_codec.h"

namespace kv::sim {

class ClientSession {
 public:
  using Found = std::optional<std::pair<Check, std::string>>;

  // What the client knew of a key, and of its session, when it sent a request.
  struct Before {
    struct Known {
      Clock dots;
      std::optional<std::pair<Hlc, Dot>> greatest;
    };
    Known written;  // and acknowledged
    Known read;
    std::set<Dot> gone;  // known once, and not shown by a later read; no value of theirs comes back
    Hlc latest;          // of any key
  };
  Before before(const std::string& storage_key) const;

  Clock needs(Partition partition) const;
  Hlc hlc() const { return session_.hlc; }

  // An answer to a request of the session, judged: what it violates, if anything.
  Found on_write(const std::string& storage_key, Partition partition, const Before& before,
                 const WriteResult& result);
  Found on_read(Partition partition, const Before& before, const ClientReadReply& reply,
                const Truth& truth);

 private:
  Session session_;
  std::map<std::string, Before> keys_;  // `latest` is not used
  Hlc latest_;
};

}  // namespace kv::sim
