#include "client/testing/fake_node.h"

#include <absl/strings/match.h>

#include <utility>

#include "kv/v1/status.pb.h"

namespace kv::client::testing {

v1::WriteResponse FakeStore::write(const std::string& key, std::optional<std::string> value,
                                   const std::string& token) {
  const std::lock_guard lock(mutex_);
  if (value.has_value()) {
    values_[key] = *std::move(value);
  } else {
    values_.erase(key);
  }
  v1::WriteResponse response;
  response.mutable_dot()->set_actor(kFakeActor);
  response.mutable_dot()->set_counter(++counter_);
  response.set_token(token + "+" + std::to_string(counter_));
  response.set_acks(2);
  response.set_coordinator("n1");
  return response;
}

v1::GetResponse FakeStore::read(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  v1::GetResponse response;
  response.set_agreed(true);
  response.add_replicas("n1");
  response.add_replicas("n2");
  response.set_token("token of " + key);
  if (const auto found = values_.find(key); found != values_.end()) {
    response.add_values(found->second);
    v1::Dot* dot = response.add_dots();
    dot->set_actor(kFakeActor);
    dot->set_counter(1);
  }
  if (const auto found = siblings_.find(key); found != siblings_.end())
    response.add_values(found->second);
  return response;
}

void FakeStore::add_sibling(const std::string& key, const std::string& value) {
  const std::lock_guard lock(mutex_);
  siblings_[key] = value;
}

v1::ScanResponse::Entry FakeStore::entry(const std::string& key) const {
  const v1::GetResponse read = this->read(key);
  v1::ScanResponse::Entry entry;
  entry.set_key(key);
  *entry.mutable_values() = read.values();
  entry.set_token(read.token());
  return entry;
}

std::optional<std::string> FakeStore::value(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = values_.find(key);
  return found == values_.end() ? std::nullopt : std::optional(found->second);
}

std::map<std::string, std::string> FakeStore::all() const {
  const std::lock_guard lock(mutex_);
  return values_;
}

std::uint64_t FakeStore::writes() const {
  const std::lock_guard lock(mutex_);
  return counter_;
}

v1::Failure failure(grpc::StatusCode code, const std::string& message, v1::Failure::Outcome outcome,
                    std::optional<Dot> dot) {
  v1::Failure result;
  result.set_code(code);
  result.set_message(message);
  result.set_outcome(outcome);
  if (dot.has_value()) {
    result.mutable_dot()->set_actor(dot->actor);
    result.mutable_dot()->set_counter(dot->counter);
    result.set_token("token of the dot");
  }
  return result;
}

grpc::Status packed(const v1::Failure& failure) {
  v1::RpcStatus details;
  details.set_code(failure.code());
  details.set_message(failure.message());
  details.add_details()->PackFrom(failure);
  return grpc::Status(static_cast<grpc::StatusCode>(failure.code()), failure.message(),
                      details.SerializeAsString());
}

// The session that was sent and one "+" for each answer.
template <typename Request, typename Response>
void answer_session(const Request& request, Response& response) {
  if (request.has_session()) response.set_session(request.session() + "+");
}

class FakeNode::KeyValue : public v1::KeyValue::Service {
 public:
  explicit KeyValue(FakeNode& node) : node_(node) {}

  grpc::Status Get(grpc::ServerContext* context, const v1::GetRequest* request,
                   v1::GetResponse* response) override {
    remember(node_.last_get_, *request);
    if (const auto status = node_.before("Get", *context); status.has_value()) return *status;
    *response = node_.store_->read(request->key());
    answer_session(*request, *response);
    return grpc::Status::OK;
  }

  grpc::Status Put(grpc::ServerContext* context, const v1::PutRequest* request,
                   v1::WriteResponse* response) override {
    remember(node_.last_put_, *request);
    if (const auto status = node_.before("Put", *context); status.has_value()) return *status;
    *response = node_.store_->write(request->key(), request->value(), request->token());
    answer_session(*request, *response);
    return grpc::Status::OK;
  }

  grpc::Status Delete(grpc::ServerContext* context, const v1::DeleteRequest* request,
                      v1::WriteResponse* response) override {
    remember(node_.last_delete_, *request);
    if (const auto status = node_.before("Delete", *context); status.has_value()) return *status;
    *response = node_.store_->write(request->key(), std::nullopt, request->token());
    answer_session(*request, *response);
    return grpc::Status::OK;
  }

  // Not kept in the store, which knows no policies.
  grpc::Status Update(grpc::ServerContext* context, const v1::UpdateRequest* request,
                      v1::WriteResponse* response) override {
    remember(node_.last_update_, *request);
    if (const auto status = node_.before("Update", *context); status.has_value()) return *status;
    *response = node_.store_->write(request->key(), std::to_string(request->add()), "");
    answer_session(*request, *response);
    return grpc::Status::OK;
  }

  grpc::Status Batch(grpc::ServerContext* context, const v1::BatchRequest* request,
                     v1::BatchResponse* response) override {
    if (const auto status = node_.before("Batch", *context); status.has_value()) return *status;
    for (const auto& operation : request->operations())
      *response->add_results() = node_.carry_out(operation);
    return grpc::Status::OK;
  }

  grpc::Status Scan(grpc::ServerContext* context, const v1::ScanRequest* request,
                    grpc::ServerWriter<v1::ScanResponse>* writer) override {
    remember(node_.last_scan_, *request);
    if (const auto status = node_.before("Scan", *context); status.has_value()) return *status;
    return node_.send_pages(*request, *writer);
  }

  grpc::Status Watch(grpc::ServerContext* context, const v1::WatchRequest* request,
                     grpc::ServerWriter<v1::WatchResponse>* writer) override {
    if (const auto status = node_.before("Watch", *context); status.has_value()) return *status;
    const WatchHook hook = node_.get(node_.watch_hook_);
    return hook ? hook(*request, *writer) : packed(failure(grpc::UNIMPLEMENTED, "no watch"));
  }

 private:
  template <typename Request>
  void remember(Request& last, const Request& request) {
    const std::lock_guard lock(node_.mutex_);
    last = request;
  }

  FakeNode& node_;
};

class FakeNode::Admin : public v1::Admin::Service {
 public:
  explicit Admin(FakeNode& node) : node_(node) {}

  grpc::Status Status(grpc::ServerContext* context, const v1::StatusRequest*,
                      v1::StatusResponse* response) override {
    if (const auto status = node_.before("Status", *context); status.has_value()) return *status;
    *response = node_.get(node_.status_);
    return grpc::Status::OK;
  }

  grpc::Status CreateBucket(grpc::ServerContext* context, const v1::Bucket* request,
                            v1::Bucket* response) override {
    if (const auto status = node_.before("CreateBucket", *context); status.has_value())
      return *status;
    const std::lock_guard lock(node_.mutex_);
    *node_.buckets_.add_buckets() = *request;
    *response = *request;
    return grpc::Status::OK;
  }

  grpc::Status ListBuckets(grpc::ServerContext* context, const v1::ListBucketsRequest*,
                           v1::ListBucketsResponse* response) override {
    if (const auto status = node_.before("ListBuckets", *context); status.has_value())
      return *status;
    *response = node_.get(node_.buckets_);
    return grpc::Status::OK;
  }

  grpc::Status Conflicts(grpc::ServerContext* context, const v1::ConflictsRequest* request,
                         v1::ConflictsResponse* response) override {
    if (const auto status = node_.before("Conflicts", *context); status.has_value()) return *status;
    const std::lock_guard lock(node_.mutex_);
    node_.last_conflicts_ = *request;
    response->set_id(node_.conflicts_.id());
    for (const auto& each : node_.conflicts_.conflicts())
      if (!request->has_dot() || (request->dot().actor() == each.dot().actor() &&
                                  request->dot().counter() == each.dot().counter()))
        *response->add_conflicts() = each;
    return grpc::Status::OK;
  }

 private:
  FakeNode& node_;
};

FakeNode::FakeNode(std::shared_ptr<FakeStore> store, const std::string& listen)
    : store_(std::move(store)),
      key_value_(std::make_unique<KeyValue>(*this)),
      admin_(std::make_unique<Admin>(*this)) {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(listen, grpc::InsecureServerCredentials(), &port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 4 * 1024 * 1024);
  builder.SetMaxReceiveMessageSize(8 * 1024 * 1024);
  builder.RegisterService(key_value_.get());
  builder.RegisterService(admin_.get());
  server_ = builder.BuildAndStart();
  address_ = "127.0.0.1:" + std::to_string(port);
}

FakeNode::~FakeNode() { server_->Shutdown(std::chrono::system_clock::now()); }

std::optional<grpc::Status> FakeNode::before(const std::string& method,
                                             grpc::ServerContext& context) {
  {
    const std::lock_guard lock(mutex_);
    ++calls_[method];
  }
  const Hook hook = get(hook_);
  return hook ? hook(method, context) : std::nullopt;
}

v1::BatchResponse::Result FakeNode::carry_out(const v1::BatchRequest::Operation& operation) {
  v1::BatchResponse::Result result;
  if (const OperationHook hook = get(operation_hook_); hook) {
    if (const auto refused = hook(operation); refused.has_value()) {
      *result.mutable_failure() = *refused;
      return result;
    }
  }
  if (operation.has_put()) {
    *result.mutable_write() =
        store_->write(operation.put().key(), operation.put().value(), operation.put().token());
  } else if (operation.has_delete_()) {
    *result.mutable_write() =
        store_->write(operation.delete_().key(), std::nullopt, operation.delete_().token());
  } else {
    *result.mutable_get() = store_->read(operation.get().key());
  }
  return result;
}

grpc::Status FakeNode::send_pages(const v1::ScanRequest& request,
                                  grpc::ServerWriter<v1::ScanResponse>& writer) {
  const PageHook hook = get(page_hook_);
  const int page_entries = get(page_entries_);
  v1::ScanResponse page;
  int pages = 0;
  std::uint64_t sent = 0;
  for (const auto& record : store_->all()) {
    const std::string& key = record.first;
    if (key < request.start() || !absl::StartsWith(key, request.prefix())) continue;
    if (!request.end().empty() && key >= request.end()) break;
    if (request.limit() != 0 && sent == request.limit()) break;
    ++sent;
    *page.add_entries() = store_->entry(key);
    if (page.entries_size() < page_entries) continue;
    writer.Write(page);
    page.Clear();
    if (!hook) continue;
    if (const auto status = hook(++pages); status.has_value()) return *status;
  }
  if (page.entries_size() > 0) writer.Write(page);
  return grpc::Status::OK;
}

int FakeNode::calls() const {
  const std::lock_guard lock(mutex_);
  int sum = 0;
  for (const auto& [method, count] : calls_) sum += count;
  return sum;
}

int FakeNode::calls(const std::string& method) const {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(method);
  return found == calls_.end() ? 0 : found->second;
}

v1::PutRequest FakeNode::last_put() const { return get(last_put_); }

v1::GetRequest FakeNode::last_get() const { return get(last_get_); }

v1::UpdateRequest FakeNode::last_update() const { return get(last_update_); }

v1::DeleteRequest FakeNode::last_delete() const { return get(last_delete_); }

v1::ConflictsRequest FakeNode::last_conflicts() const { return get(last_conflicts_); }

v1::ScanRequest FakeNode::last_scan() const { return get(last_scan_); }

v1::Bucket FakeNode::last_bucket() const {
  const v1::ListBucketsResponse made = get(buckets_);
  return made.buckets().empty() ? v1::Bucket() : *made.buckets().rbegin();
}

}  // namespace kv::client::testing
