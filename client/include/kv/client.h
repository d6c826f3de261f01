// A client of a Dunlin cluster.
//
//   auto client = kv::client::Client::create({.endpoints = {"127.0.0.1:7101", "127.0.0.1:7102"}});
//   if (!client.ok()) return client.status();
//   auto written = (*client)->put("user:1", "Ada");
//   if (!written.ok() && written.failure().outcome == kv::client::Outcome::kUnknown) { ... may have
//   been stored ... }
//
// Thread-safety: every member function may be called from any thread at any time, except the
// destructor, which must not run while another call does. Calls block the thread that makes them,
// at most for the timeout given. For many batches at once see kv/batch_pipeline.h.
//
// Endpoints are tried in the order given, from the one that answered last. What happens when one fails:
//   it cannot be connected to       nothing was sent: the next one is tried, with a share of the time that is left
//   the connection breaks after     a read is sent to the next one; a write is *not* repeated, and is answered with
//     the request was sent          Outcome::kUnknown, because it may have been stored; with a request id it is repeated
//   a node says "unknown"           returned at once; with a request id it is repeated, as for RESOURCE_EXHAUSTED
//   a node says RESOURCE_EXHAUSTED  repeated with exponential backoff and jitter, on the next endpoint, while time is left
//   a node says UNAVAILABLE         (it reaches too few replicas, or its clock is off) the next one is tried, each once
//   a node says anything else       returned at once
//   none can be reached             Failure with `reached` false
// A watch is of one node; see watch().
//
// Errors come as Failure (kv/types.h), never as an exception.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kv/types.h"

namespace kv::client {

struct ClientOptions {
  // "host:port", where host is a name, an IPv4 address or an IPv6 address in brackets. At least
  // one.
  std::vector<std::string> endpoints{};
};

class BatchPipeline;
class Cluster;  // the library's own

class Client {
 public:
  // Checks the options; connects to nothing yet. kInvalidArgument names the endpoint that is
  // malformed.
  static absl::StatusOr<std::unique_ptr<Client>> create(const ClientOptions& options);

  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Result<GetResult> get(absl::string_view key, const ReadOptions& options = {});
  Result<WriteResult> put(absl::string_view key, absl::string_view value,
                          const WriteOptions& options = {});
  Result<WriteResult> del(absl::string_view key, const WriteOptions& options = {});

  // Adds to a counter, in a bucket of policy counter; `options.token` is not used. Repeating one whose outcome is unknown may
  // count it twice.
  Result<WriteResult> add(absl::string_view key, std::int64_t amount,
                          const WriteOptions& options = {});

  // Changes what a set or map holds, in a bucket of that policy; `options.token` and `condition` are not used.
  Result<WriteResult> update(absl::string_view key, const Leaf& leaf, const LeafChange& change,
                             const WriteOptions& options = {});
  // Visits what a set or map holds, by path and element, until `visit` returns false; in a map, what is at or below `path`.
  // Returns how many were visited. What is added or removed meanwhile may be seen or not.
  Result<std::uint64_t> leaves(absl::string_view key, const std::vector<std::string>& path,
                               const ReadOptions& options,
                               const std::function<bool(LeafEntry&&)>& visit);

  // Makes a bucket. The same one may exist; one of that name with another definition is kAlreadyExists, or kAborted while that
  // is being made. `samples`: values to try its merge function on, up to kMaxSamples; one that breaks a law is kInvalidArgument
  // and the message shows by which values.
  Result<Bucket> create_bucket(const Bucket& bucket,
                               std::chrono::milliseconds timeout = kDefaultTimeout,
                               const std::vector<std::string>& samples = {});
  // All of them, by name.
  Result<std::vector<Bucket>> buckets(std::chrono::milliseconds timeout = kDefaultTimeout);

  // Sends all operations in one request. ok(): one result per operation, in the same order. A
  // Failure means that the whole batch got no answer; with kUnknown any of its writes may have been
  // stored. Limits: kv/limits.h.
  Result<std::vector<OperationResult>> batch(const std::vector<Operation>& operations,
                                             const BatchOptions& options = {});

  // Calls `visit` with each key in ascending byte order until it returns false. When a node dies or
  // the time of one request ends midway, the scan goes on after the last key that was visited, so
  // every key that was there throughout is visited exactly once. Returns how many were visited;
  // after a Failure those that were visited stay valid.
  Result<std::uint64_t> scan(const ScanOptions& options,
                             const std::function<bool(ScanEntry&&)>& visit);

  // Calls `visit` with each change of what is watched, as it becomes visible at one node, until it returns false: the first of
  // the endpoints that takes the watch, or the one that the token is of. When the connection breaks or the node restarts, the
  // watch goes on at the same node by itself, with nothing missing and nothing twice. Blocks for as long as it lasts; `visit` is
  // called every few seconds, so a watch can be ended soon. Returns how many events were visited. Failures: kOutOfRange, the
  // token is too old, or `visit` was too slow: read the current state, then watch from now on; otherwise the token of the last
  // update is where to go on.
  Result<std::uint64_t> watch(const WatchOptions& options,
                              const std::function<bool(WatchUpdate&&)>& visit);

  // Waits until as many replicas have the write as `level` says; on their disks, with Durability::kDisk. After the timeout
  // the receipt says who has it, and is not satisfied.
  Result<Receipt> wait(const Dot& dot, Level level, Durability durability,
                       std::chrono::milliseconds timeout = kDefaultTimeout);

  // With `wait`, until it is so or the timeout has passed.
  Result<Convergence> converged(std::chrono::milliseconds timeout, bool wait);

  // `options.level` is not used: each replica gives its own account.
  Result<Explanation> explain(absl::string_view key, const ReadOptions& options = {});

  // What was lost without any write having seen it, as all nodes have noted it.
  Result<ConflictList> conflicts(const ConflictOptions& options = {});

  // Asks every endpoint, and every member that one of them names, at the same time. Ordered by id,
  // then by address.
  std::vector<NodeStatus> status(std::chrono::milliseconds timeout = kDefaultTimeout);

 private:
  friend class BatchPipeline;
  explicit Client(std::unique_ptr<Cluster> cluster);

  std::unique_ptr<Cluster> cluster_;
};

}  // namespace kv::client
