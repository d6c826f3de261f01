#include "kv/client.h"

#include <absl/strings/str_cat.h>

#include <optional>
#include <random>
#include <utility>

#include "client/src/cluster.h"
#include "client/src/messages.h"
#include "client/src/survey/status.h"
#include "kv/limits.h"

namespace kv::client {
namespace {

std::uint64_t random_seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

RequestKind kind_of(const std::vector<Operation>& operations) {
  RequestKind kind = RequestKind::kRead;
  for (const Operation& operation : operations) {
    if (operation.kind == Operation::Kind::kGet) continue;
    if (operation.request_id.empty()) return RequestKind::kWrite;
    kind = RequestKind::kRepeatableWrite;
  }
  return kind;
}

// What an answer that carries a session makes of the request's.
void note(Session* session, const std::string& bytes) {
  if (session != nullptr && !bytes.empty()) session->bytes = bytes;
}

// Sends one write, by the method of that name.
template <typename Method, typename Request>
Result<WriteResult> write(Cluster& cluster, Method method, const Request& request,
                          const WriteOptions& options) {
  if (absl::Status status = check_request_id(options.request_id); !status.ok())
    return to_failure(status);
  const RequestKind kind =
      options.request_id.empty() ? RequestKind::kWrite : RequestKind::kRepeatableWrite;
  v1::WriteResponse response;
  std::optional<Failure> failure =
      cluster.run(kind, options.timeout, [&](Node::Stubs& stubs, grpc::ClientContext& context) {
        return ((*stubs.key_value).*method)(&context, request, &response);
      });
  note(options.session, failure.has_value() ? failure->session : response.session());
  if (failure.has_value()) return *std::move(failure);
  return to_result(std::move(response));
}

Bucket to_bucket(const v1::Bucket& message) {
  return {.name = message.name(),
          .policy = message.policy(),
          .ttl = std::chrono::milliseconds(message.ttl_ms()),
          .merge = message.merge(),
          .n = message.n()};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Client::create(const ClientOptions& options) {
  if (options.endpoints.empty())
    return absl::InvalidArgumentError("no endpoints given; at least one host:port is needed");
  for (const std::string& endpoint : options.endpoints) {
    if (absl::Status status = check_address(endpoint); !status.ok()) return status;
  }
  return std::unique_ptr<Client>(
      new Client(std::make_unique<Cluster>(options.endpoints, random_seed())));
}

Client::Client(std::unique_ptr<Cluster> cluster) : cluster_(std::move(cluster)) {}
Client::~Client() = default;

Result<GetResult> Client::get(absl::string_view key, const ReadOptions& options) {
  if (absl::Status status = check_timeout(options.timeout); !status.ok()) return to_failure(status);
  if (absl::Status status = check_key(key); !status.ok()) return to_failure(status);
  if (absl::Status status = check_session(options.session); !status.ok()) return to_failure(status);
  const v1::GetRequest request = get_request(key, options);
  v1::GetResponse response;
  std::optional<Failure> failure = cluster_->run(
      RequestKind::kRead, options.timeout, [&](Node::Stubs& stubs, grpc::ClientContext& context) {
        response.Clear();
        return stubs.key_value->Get(&context, request, &response);
      });
  if (failure.has_value()) return *std::move(failure);
  note(options.session, response.session());
  return to_result(std::move(response));
}

Result<WriteResult> Client::put(absl::string_view key, absl::string_view value,
                                const WriteOptions& options) {
  if (absl::Status status = check_timeout(options.timeout); !status.ok()) return to_failure(status);
  if (absl::Status status = check_write(key, value, options.token); !status.ok())
    return to_failure(status);
  if (absl::Status status = check_session(options.session); !status.ok()) return to_failure(status);
  return write(*cluster_, &v1::KeyValue::Stub::Put, put_request(key, value, options), options);
}

Result<WriteResult> Client::del(absl::string_view key, const WriteOptions& options) {
  if (absl::Status status = check_timeout(options.timeout); !status.ok()) return to_failure(status);
  if (absl::Status status = check_write(key, "", options.token); !status.ok())
    return to_failure(status);
  if (absl::Status status = check_session(options.session); !status.ok()) return to_failure(status);
  return write(*cluster_, &v1::KeyValue::Stub::Delete, delete_request(key, options), options);
}

Result<WriteResult> Client::add(absl::string_view key, std::int64_t amount,
                                const WriteOptions& options) {
  if (absl::Status status = check_timeout(options.timeout); !status.ok()) return to_failure(status);
  if (absl::Status status = check_key(key); !status.ok()) return to_failure(status);
  if (absl::Status status = check_session(options.session); !status.ok()) return to_failure(status);
  return write(*cluster_, &v1::KeyValue::Stub::Update, add_request(key, amount, options), options);
}

Result<WriteResult> Client::update(absl::string_view key, const Leaf& leaf,
                                   const LeafChange& change, const WriteOptions& options) {
  if (absl::Status status = check_timeout(options.timeout); !status.ok()) return to_failure(status);
  if (absl::Status status = check_write(key, change.value, ""); !status.ok())
    return to_failure(status);
  if (absl::Status status = check_session(options.session); !status.ok()) return to_failure(status);
  return write(*cluster_, &v1::KeyValue::Stub::Update, update_request(key, leaf, change, options),
               options);
}

Result<std::uint64_t> Client::leaves(absl::string_view key, const std::vector<std::string>& path,
                                     const ReadOptions& options,
                                     const std::function<bool(LeafEntry&&)>& visit) {
  if (absl::Status status = check_timeout(options.timeout); !status.ok()) return to_failure(status);
  if (absl::Status status = check_key(key); !status.ok()) return to_failure(status);
  v1::LeavesRequest request = leaves_request(key, path, options);
  std::uint64_t visited = 0;
  while (true) {
    v1::LeavesResponse page;
    std::optional<Failure> failure = cluster_->run(
        RequestKind::kRead, options.timeout, [&](Node::Stubs& stubs, grpc::ClientContext& context) {
          page.Clear();
          return stubs.key_value->Leaves(&context, request, &page);
        });
    if (failure.has_value()) return *std::move(failure);
    for (v1::LeavesResponse::Entry& entry : *page.mutable_entries()) {
      ++visited;
      if (!visit(to_entry(std::move(entry)))) return visited;
    }
    if (page.next().empty()) return visited;
    request.set_after(page.next());
  }
}

Result<Bucket> Client::create_bucket(const Bucket& bucket, std::chrono::milliseconds timeout,
                                     const std::vector<std::string>& samples) {
  if (absl::Status status = check_timeout(timeout); !status.ok()) return to_failure(status);
  v1::Bucket request;
  request.set_name(bucket.name);
  request.set_policy(bucket.policy);
  request.set_ttl_ms(static_cast<std::uint64_t>(bucket.ttl.count()));
  request.set_merge(bucket.merge);
  request.set_n(bucket.n);
  for (const std::string& sample : samples) request.add_samples(sample);
  v1::Bucket response;
  std::optional<Failure> failure = cluster_->run(
      RequestKind::kWrite, timeout, [&](Node::Stubs& stubs, grpc::ClientContext& context) {
        return stubs.admin->CreateBucket(&context, request, &response);
      });
  if (failure.has_value()) return *std::move(failure);
  return to_bucket(response);
}

Result<std::vector<Bucket>> Client::buckets(std::chrono::milliseconds timeout) {
  if (absl::Status status = check_timeout(timeout); !status.ok()) return to_failure(status);
  v1::ListBucketsResponse response;
  std::optional<Failure> failure = cluster_->run(
      RequestKind::kRead, timeout, [&](Node::Stubs& stubs, grpc::ClientContext& context) {
        response.Clear();
        return stubs.admin->ListBuckets(&context, v1::ListBucketsRequest(), &response);
      });
  if (failure.has_value()) return *std::move(failure);
  std::vector<Bucket> buckets;
  for (const v1::Bucket& bucket : response.buckets()) buckets.push_back(to_bucket(bucket));
  return buckets;
}

Result<std::vector<OperationResult>> Client::batch(const std::vector<Operation>& operations,
                                                   const BatchOptions& options) {
  if (absl::Status status = check_timeout(options.timeout); !status.ok()) return to_failure(status);
  if (absl::Status status = check_batch(operations); !status.ok()) return to_failure(status);
  if (operations.empty()) return std::vector<OperationResult>();
  const RequestKind kind = kind_of(operations);
  const v1::BatchRequest request = batch_request(operations, options);
  v1::BatchResponse response;
  std::optional<Failure> failure =
      cluster_->run(kind, options.timeout, [&](Node::Stubs& stubs, grpc::ClientContext& context) {
        response.Clear();
        return stubs.key_value->Batch(&context, request, &response);
      });
  if (failure.has_value()) return *std::move(failure);
  if (response.results_size() != static_cast<int>(operations.size())) {
    return Failure{
        .code = absl::StatusCode::kInternal,
        .message = absl::StrCat("the node answered ", response.results_size(), " of ",
                                operations.size(), " operations of a batch"),
        .outcome = kind == RequestKind::kRead ? Outcome::kNotApplied : Outcome::kUnknown};
  }
  std::vector<OperationResult> results;
  results.reserve(operations.size());
  for (std::size_t i = 0; i < operations.size(); ++i) {
    results.push_back(
        to_result(std::move(*response.mutable_results(static_cast<int>(i))), operations[i].kind));
  }
  return results;
}

namespace {

// Where a scan is. It outlives the requests that the scan is made of.
class ScanProgress {
 public:
  ScanProgress(const ScanOptions& options, const std::function<bool(ScanEntry&&)>& visit)
      : options_(options), visit_(visit) {}

  // One request, from where the last one stopped.
  grpc::Status advance(Node::Stubs& stubs, grpc::ClientContext& context) {
    const auto reader = stubs.key_value->Scan(&context, scan_request(options_, last_, visited_));
    v1::ScanResponse page;
    while (!stopped_ && reader->Read(&page)) {
      for (v1::ScanResponse::Entry& entry : *page.mutable_entries()) {
        if (!take(to_entry(std::move(entry)))) break;
      }
    }
    if (stopped_) context.TryCancel();
    const grpc::Status status = reader->Finish();
    return stopped_ ? grpc::Status::OK : status;
  }

  // Whether any entry came since the last call.
  bool moved() { return std::exchange(moved_, false); }
  std::uint64_t visited() const { return visited_; }

 private:
  // False when the scan is over.
  bool take(ScanEntry&& entry) {
    last_ = entry.key;
    moved_ = true;
    ++visited_;
    stopped_ = !visit_(std::move(entry)) || visited_ == options_.limit || successor(last_).empty();
    return !stopped_;
  }

  const ScanOptions& options_;
  const std::function<bool(ScanEntry&&)>& visit_;
  std::string last_;
  std::uint64_t visited_ = 0;
  bool moved_ = false;
  bool stopped_ = false;
};

}  // namespace

Result<std::uint64_t> Client::scan(const ScanOptions& options,
                                   const std::function<bool(ScanEntry&&)>& visit) {
  if (absl::Status status = check_scan(options); !status.ok()) return to_failure(status);
  ScanProgress progress(options, visit);
  while (true) {
    std::optional<Failure> failure = cluster_->run(
        RequestKind::kRead, options.timeout, [&](Node::Stubs& stubs, grpc::ClientContext& context) {
          return progress.advance(stubs, context);
        });
    if (!failure.has_value()) return progress.visited();
    // Only what may pass by itself is worth another request, and only while the scan gets further.
    const bool may_pass = !failure->reached || failure->code == absl::StatusCode::kDeadlineExceeded;
    if (!progress.moved() || !may_pass) return *std::move(failure);
  }
}

std::vector<NodeStatus> Client::status(std::chrono::milliseconds timeout) {
  return collect_status(cluster_->nodes(), timeout);
}

}  // namespace kv::client
