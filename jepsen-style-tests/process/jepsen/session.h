// One client: sends a workload's requests to nodes of its choice through the client library, and tells what it was answered.
// Not thread-safe: each client has its own.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "jepsen-style-tests/history/history.h"
#include "jepsen-style-tests/process/jepsen/recorder.h"
#include "jepsen-style-tests/workloads/workload.h"
#include "kv/client.h"

namespace kv::jepsen {

// Node to client address.
using Endpoints = std::map<std::string, std::string>;

class Session {
 public:
  Session(const Endpoints& endpoints, std::uint32_t number, std::chrono::milliseconds timeout,
          Recorder& recorder);

  // In one call if there are several; returns when all are answered and recorded. What became of it; of several, of the last.
  history::Outcome perform(const std::string& node, const std::vector<workload::Request>& requests);

  // Reads keys at ONE from one node, as final reads; repeats those that fail, for a while.
  void read_in_the_end(const std::string& node, const workload::Mix& mix,
                       const std::vector<std::string>& keys);

 private:
  void read_sets_in_the_end(const std::string& node, const workload::Mix& mix,
                            const std::vector<std::string>& keys);

  // What the client last saw of a key.
  struct Seen {
    std::string token;
    std::vector<history::Dot> dots;
  };
  using KeyName = std::pair<std::string, std::string>;  // bucket, key

  history::Operation prepare(const std::string& node, const workload::Request& request,
                             std::string& token) const;
  history::Outcome send_one(client::Client& client, history::Operation op, const std::string& token,
                            const workload::Mix& mix);
  history::Outcome send_batch(client::Client& client, std::vector<history::Operation> operations,
                              const std::vector<std::string>& tokens, const std::string& policy);
  client::Result<client::OperationAnswer> read_elements(client::Client& client,
                                                        const history::Operation& op,
                                                        std::chrono::milliseconds timeout);
  void begin_session();
  history::Outcome finish(history::Operation op, const std::string& policy,
                          const client::Result<client::OperationAnswer>& answer);

  const std::uint32_t number_;
  const std::chrono::milliseconds timeout_;
  Recorder& recorder_;
  std::map<std::string, std::unique_ptr<client::Client>> clients_;  // by node
  std::map<KeyName, Seen> seen_;
  client::Session session_;           // of a workload in sessions
  std::uint64_t session_number_ = 0;  // unlike that of any other
};

}  // namespace kv::jepsen
