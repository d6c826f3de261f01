// A node for tests of the client: a real gRPC server in this process that keeps values in a map and
// does what it is told.
//
// Thread-safety: setters before start of the traffic they concern; counters at any time. Hooks run
// on server threads. The address is a free port of 127.0.0.1 unless one is given, open from
// construction to destruction.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "kv/types.h"
#include "kv/v1/admin.grpc.pb.h"
#include "kv/v1/kv.grpc.pb.h"

namespace kv::client::testing {

// What several fake nodes share, as replicas of one cluster do.
class FakeStore {
 public:
  v1::WriteResponse write(const std::string& key, std::optional<std::string> value,
                          const std::string& token);
  v1::GetResponse read(const std::string& key) const;
  // A second value of `key`, as a bucket that keeps siblings may have.
  void add_sibling(const std::string& key, const std::string& value);
  // As a scan shows it.
  v1::ScanResponse::Entry entry(const std::string& key) const;
  // A value that never had a write: nothing.
  std::optional<std::string> value(const std::string& key) const;
  std::map<std::string, std::string> all() const;
  std::uint64_t writes() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> values_;
  std::map<std::string, std::string> siblings_;
  std::uint64_t counter_ = 0;
};

inline constexpr std::uint64_t kFakeActor = 0xabcdef;

v1::Failure failure(grpc::StatusCode code, const std::string& message,
                    v1::Failure::Outcome outcome = v1::Failure::NOT_APPLIED,
                    std::optional<Dot> dot = std::nullopt);
// The status by which a node reports `failure`.
grpc::Status packed(const v1::Failure& failure);

class FakeNode {
 public:
  // Called before a request is carried out; a status is the answer, instead of carrying it out.
  using Hook = std::function<std::optional<grpc::Status>(const std::string& method,
                                                         grpc::ServerContext& context)>;
  // The same for one operation of a batch.
  using OperationHook =
      std::function<std::optional<v1::Failure>(const v1::BatchRequest::Operation& operation)>;
  // Called after each page of a scan is sent; a status ends the scan.
  using PageHook = std::function<std::optional<grpc::Status>(int pages_sent)>;

  // Answers a watch; without one, watches are refused.
  using WatchHook = std::function<grpc::Status(const v1::WatchRequest& request,
                                               grpc::ServerWriter<v1::WatchResponse>& writer)>;

  explicit FakeNode(std::shared_ptr<FakeStore> store = std::make_shared<FakeStore>(),
                    const std::string& listen = "127.0.0.1:0");
  ~FakeNode();

  const std::string& address() const { return address_; }
  FakeStore& store() { return *store_; }

  void set_hook(Hook hook) { set(hook_, std::move(hook)); }
  void set_operation_hook(OperationHook hook) { set(operation_hook_, std::move(hook)); }
  void set_page_hook(PageHook hook) { set(page_hook_, std::move(hook)); }
  void set_watch_hook(WatchHook hook) { set(watch_hook_, std::move(hook)); }
  void set_page_entries(int entries) { set(page_entries_, entries); }
  void set_status(v1::StatusResponse response) { set(status_, std::move(response)); }
  void set_conflicts(v1::ConflictsResponse response) { set(conflicts_, std::move(response)); }

  // Of all methods, or of one: "Get", "Put", "Delete", "Batch", "Scan", "Status".
  int calls() const;
  int calls(const std::string& method) const;
  v1::PutRequest last_put() const;
  v1::GetRequest last_get() const;
  v1::UpdateRequest last_update() const;
  v1::DeleteRequest last_delete() const;
  v1::ConflictsRequest last_conflicts() const;
  v1::ScanRequest last_scan() const;
  v1::Bucket last_bucket() const;  // that was created

 private:
  class KeyValue;
  class Admin;

  template <typename T>
  void set(T& member, T value) {
    const std::lock_guard lock(mutex_);
    member = std::move(value);
  }
  template <typename T>
  T get(const T& member) const {
    const std::lock_guard lock(mutex_);
    return member;
  }

  std::optional<grpc::Status> before(const std::string& method, grpc::ServerContext& context);
  v1::BatchResponse::Result carry_out(const v1::BatchRequest::Operation& operation);
  grpc::Status send_pages(const v1::ScanRequest& request,
                          grpc::ServerWriter<v1::ScanResponse>& writer);

  const std::shared_ptr<FakeStore> store_;

  mutable std::mutex mutex_;  // of what follows, down to the last request
  Hook hook_;
  OperationHook operation_hook_;
  PageHook page_hook_;
  WatchHook watch_hook_;
  int page_entries_ = 2;
  v1::StatusResponse status_;
  v1::ListBucketsResponse buckets_;
  v1::ConflictsResponse conflicts_;
  v1::ConflictsRequest last_conflicts_;
  v1::UpdateRequest last_update_;
  std::map<std::string, int> calls_;
  v1::PutRequest last_put_;
  v1::GetRequest last_get_;
  v1::DeleteRequest last_delete_;
  v1::ScanRequest last_scan_;

  std::unique_ptr<KeyValue> key_value_;
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace kv::client::testing
