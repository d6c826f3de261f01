// Buckets of policy custom: to replicas they are siblings; here, where a request is coordinated, those are merged. A reader is
// shown all of them merged. A put without a token is merged with what is there, and supersedes that and nothing else, so that
// siblings become few and nothing is lost that is written at the same time. A put with a token supersedes what its reader has
// seen, as ever.
#include "node/adapters/asio/clock.h"
#include "node/adapters/grpc/convert.h"
#include "node/adapters/grpc/operations.h"

namespace kv {
namespace {

using Values = google::protobuf::RepeatedPtrField<std::string>;

void merge(const Merging& merging, const storage::Bucket& bucket, Values* values) {
  auto shown = merging.show(bucket.name, bucket.merge, {values->begin(), values->end()});
  values->Assign(shown.begin(), shown.end());
}

std::vector<std::string> values_of(const ReadItem& item) {
  std::vector<std::string> values;
  for (const Version& version : item.versions)
    if (version.value.has_value()) values.push_back(*version.value);
  return values;
}

// Its client has not read what was stored: with a token it would overwrite what others have put.
WriteDone without_token(WriteDone done) {
  return [done = std::move(done)](v1::WriteResponse response, v1::Failure failure) {
    response.clear_token();
    failure.clear_token();
    done(std::move(response), std::move(failure));
  };
}

}  // namespace

GetDone Operations::merged(const storage::Bucket& bucket, GetDone done) const {
  if (bucket.policy != PolicyKind::kCustom) return done;
  return [this, bucket, done = std::move(done)](v1::GetResponse response, v1::Failure failure) {
    if (response.values_size() < 2) return done(std::move(response), std::move(failure));
    const auto work = [this, bucket, done, response = std::move(response)]() mutable {
      merge(merging_, bucket, response.mutable_values());
      done(std::move(response), {});
    };
    if (!merging_.submit(work)) done({}, not_applied(queue_full()));
  };
}

PageDone Operations::merged(const storage::Bucket& bucket, PageDone done) const {
  if (bucket.policy != PolicyKind::kCustom) return done;
  return [this, bucket, done = std::move(done)](v1::ScanResponse page, std::string next,
                                                v1::Failure failure) {
    if (failure.code() != 0) return done(std::move(page), std::move(next), std::move(failure));
    const auto work = [this, bucket, done, page = std::move(page),
                       next = std::move(next)]() mutable {
      for (auto& entry : *page.mutable_entries()) merge(merging_, bucket, entry.mutable_values());
      done(std::move(page), std::move(next), {});
    };
    if (!merging_.submit(work)) done({}, "", not_applied(queue_full()));
  };
}

void Operations::put_merged(const storage::Bucket& bucket, ClientWrite write,
                            std::optional<Session> session, WriteDone done) const {
  if (write.token.has_value())
    return write_merged(bucket, std::nullopt, std::move(write), std::move(session), done);
  ClientGet get{0, write.partition, write.key, write.level, write.deadline};
  Shard& shard = shards_.of(write.partition);
  const auto answer = [=, this, write = std::move(write),
                       session = std::move(session)](const ClientReadReply& reply) {
    if (reply.code != absl::StatusCode::kOk) return done({}, to_failure(reply));
    write_merged(bucket, reply.items.front(), write, session, done);
  };
  if (!shard.submit(std::move(get), answer)) done({}, not_applied(queue_full()));
}

void Operations::write_merged(const storage::Bucket& bucket, const std::optional<ReadItem>& present,
                              ClientWrite write, std::optional<Session> session,
                              const WriteDone& done) const {
  const auto work = [=, this, write = std::move(write), session = std::move(session)]() mutable {
    if (monotonic_now() >= write.deadline)
      return done({}, not_applied(absl::DeadlineExceededError(
                          "the deadline came before the value could be merged; not applied")));
    auto values = present.has_value() ? values_of(*present) : std::vector<std::string>{};
    const bool alone = values.empty();
    auto stored = merging_.put(bucket.name, bucket.merge, *write.value, std::move(values));
    if (!stored.ok()) return done({}, not_applied(stored.status()));
    if (!stored->has_value() || alone)
      return this->write(std::move(write), std::move(session), done);
    write.value = **std::move(stored);
    write.token = present->token;
    this->write(std::move(write), std::move(session), without_token(done));
  };
  if (!merging_.submit(work)) done({}, not_applied(queue_full()));
}

}  // namespace kv
