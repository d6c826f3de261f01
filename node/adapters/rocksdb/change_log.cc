#include "node/adapters/rocksdb/change_log.h"

#include <rocksdb/transaction_log.h>
#include <rocksdb/write_batch.h>

#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "node/adapters/rocksdb/rocksdb_status.h"

namespace kv::storage {
namespace {

namespace fs = std::filesystem;

absl::Status not_kept(std::uint64_t position) {
  return absl::OutOfRangeError(absl::StrCat("change ", position, " is not in the log any more"));
}

// Picks what was announced out of a batch. RocksDB may have put the batches of several writers together: each begins with its
// announcements.
class Picker final : public rocksdb::WriteBatch::Handler {
 public:
  Picker(std::uint32_t objects, CommittedChange& out) : objects_(objects), out_(out) {}

  void LogData(const rocksdb::Slice& blob) override {
    auto announced = decode_announced({blob.data(), blob.size()});
    if (!announced.ok()) {
      damaged_ = announced.status();
      return;
    }
    for (auto& [key, dots] : *announced) {
      places_[key] = out_.objects.size();
      out_.objects.push_back({key, std::move(dots), std::nullopt});
    }
  }
  rocksdb::Status PutCF(std::uint32_t family, const rocksdb::Slice& key,
                        const rocksdb::Slice& value) override {
    if (family != objects_ || places_.empty()) return rocksdb::Status::OK();
    const auto place = places_.find(std::string_view(key.data(), key.size()));
    if (place != places_.end()) out_.objects[place->second].record = value.ToString();
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteCF(std::uint32_t, const rocksdb::Slice&) override {
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteRangeCF(std::uint32_t family, const rocksdb::Slice&,
                                const rocksdb::Slice&) override {
    if (family == objects_) out_.objects.push_back({"", {}, std::nullopt});
    return rocksdb::Status::OK();
  }

  const absl::Status& damaged() const { return damaged_; }

 private:
  const std::uint32_t objects_;
  CommittedChange& out_;
  std::map<std::string, std::size_t, std::less<>> places_;  // in its objects
  absl::Status damaged_;
};

class LogReader final : public ChangeReader {
 public:
  LogReader(rocksdb::DB& db, std::uint32_t objects, std::uint64_t from, std::string data_dir)
      : db_(db), objects_(objects), next_(from), data_dir_(std::move(data_dir)) {}

  absl::StatusOr<bool> next(CommittedChange& out) override {
    for (int opened = 0;; ++opened) {
      if (db_.GetLatestSequenceNumber() + 1 == next_) return false;
      const absl::Status moved = move();
      if (!moved.ok()) return moved;
      if (it_ != nullptr && it_->Valid()) return take(out);
      // It has read to the end of the files that it knew of, and there are others by now; or one has just gone.
      it_.reset();
      if (opened == 2) return false;
    }
  }

 private:
  // To the next batch, with a new iterator if there is none.
  absl::Status move() {
    if (it_ == nullptr) {
      const rocksdb::Status status = db_.GetUpdatesSince(next_, &it_);
      if (status.ok()) return absl::OkStatus();
      it_.reset();
      return status.IsNotFound() || status.IsPathNotFound() ? not_kept(next_)
                                                            : from_rocksdb(status, data_dir_);
    }
    it_->Next();
    const rocksdb::Status status = it_->status();
    if (it_->Valid() || status.ok() || status.IsTryAgain()) return absl::OkStatus();
    it_.reset();
    return status.IsNotFound() || status.IsPathNotFound() ? not_kept(next_)
                                                          : from_rocksdb(status, data_dir_);
  }

  absl::StatusOr<bool> take(CommittedChange& out) {
    const rocksdb::BatchResult batch = it_->GetBatch();
    if (batch.sequence != next_) return not_kept(next_);
    out.at = next_;
    out.next = next_ + batch.writeBatchPtr->Count();
    out.objects.clear();
    Picker picker(objects_, out);
    const rocksdb::Status status = batch.writeBatchPtr->Iterate(&picker);
    if (!status.ok()) return from_rocksdb(status, data_dir_);
    if (!picker.damaged().ok()) return picker.damaged();
    next_ = out.next;
    return true;
  }

  rocksdb::DB& db_;
  const std::uint32_t objects_;
  std::uint64_t next_;
  const std::string data_dir_;
  std::unique_ptr<rocksdb::TransactionLogIterator> it_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ChangeReader>> read_change_log(rocksdb::DB& db,
                                                              std::uint32_t objects,
                                                              std::uint64_t from,
                                                              const std::string& data_dir) {
  const std::uint64_t end = db.GetLatestSequenceNumber() + 1;
  if (from == 0 || from > end) return not_kept(from);
  if (from < end) {  // whether it is there is told now, not at the first change
    std::unique_ptr<rocksdb::TransactionLogIterator> it;
    const rocksdb::Status status = db.GetUpdatesSince(from, &it);
    if (!status.ok() || !it->Valid() || it->GetBatch().sequence != from) return not_kept(from);
  }
  return std::make_unique<LogReader>(db, objects, from, data_dir);
}

void ChangeLogTrimmer::trim_if_due() {
  if (written_.load(std::memory_order_relaxed) < max_bytes_ / 8) return;
  written_.store(0, std::memory_order_relaxed);
  trim();
}

void ChangeLogTrimmer::trim() {
  std::map<std::uint64_t, std::pair<std::string, std::uintmax_t>>
      files;  // by number: the oldest first
  std::uintmax_t bytes = 0;
  std::error_code error;
  for (fs::directory_iterator it(archive_, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;
    const std::uintmax_t size = it->file_size(gone);
    const std::string name = it->path().filename();
    std::uint64_t number = 0;
    if (gone || !absl::SimpleAtoi(it->path().stem().string(), &number)) continue;
    files[number] = {name, size};
    bytes += size;
  }
  for (const auto& [number, file] : files) {
    if (bytes <= max_bytes_) break;
    const rocksdb::Status removed = db_.DeleteFile("/archive/" + file.first);
    if (!removed.ok()) return;  // at the next time
    bytes -= file.second;
  }
}

}  // namespace kv::storage
