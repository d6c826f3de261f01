#include "node/adapters/rocksdb/rocksdb_engine.h"

#include <rocksdb/db.h>

#include <cerrno>
#include <filesystem>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "node/adapters/rocksdb/boot_file.h"
#include "node/adapters/rocksdb/change_log.h"
#include "node/adapters/rocksdb/damaged_directory.h"
#include "node/adapters/rocksdb/disk_reserve.h"
#include "node/adapters/rocksdb/log_replay.h"
#include "node/adapters/rocksdb/rocksdb_options.h"
#include "node/adapters/rocksdb/rocksdb_status.h"

namespace kv::storage {
namespace {

namespace fs = std::filesystem;

rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view view(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

absl::Status create_directory(const std::string& data_dir) {
  if (data_dir.empty()) return absl::InvalidArgumentError("data_dir: empty; expected a directory");
  std::error_code error;
  fs::create_directories(data_dir, error);
  if (!error) return absl::OkStatus();
  const std::string text =
      absl::StrCat(data_dir, ": cannot create the data directory: ", error.message());
  switch (error.value()) {
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(text);
    case ENOSPC:
      return absl::ResourceExhaustedError(text);
    default:
      return absl::FailedPreconditionError(text);
  }
}

}  // namespace

struct RocksdbEngine::Impl {
  explicit Impl(const RocksdbOptions& options)
      : data_dir(options.data_dir),
        change_log_bytes(options.change_log_bytes),
        reserve(options.data_dir, options.reserve_bytes) {}
  ~Impl() { close(); }

  rocksdb::Status open(const RocksdbOptions& options, LogHoles holes);
  void close();

  rocksdb::ColumnFamilyHandle* handle(Family family) const {
    return handles[1 + static_cast<std::size_t>(family)];
  }

  // The failure after which nothing is written any more, or OK.
  absl::Status failed() const {
    const std::lock_guard lock(mutex);
    return failure;
  }

  absl::Status fail(const absl::Status& status) {
    const std::lock_guard lock(mutex);
    if (failure.ok())
      failure =
          absl::InternalError(absl::StrCat(status.message(), ". Nothing is written any more"));
    return failure;
  }

  const std::string data_dir;
  const std::size_t change_log_bytes;
  DiskReserve reserve;
  std::string recovery_note;
  std::string directory_found;
  std::unique_ptr<GapFilter> filter;  // the database keeps the pointer
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;  // as column_families(); owned by the database

  // One sync at a time: the kernel reports a failed write once only, and a second sync beside the
  // failing one would pass.
  std::mutex sync_mutex;
  std::optional<ChangeLogTrimmer> trimmer;  // once open; under sync_mutex
  mutable std::mutex mutex;
  absl::Status failure;  // the first one; under mutex
};

rocksdb::Status RocksdbEngine::Impl::open(const RocksdbOptions& options, LogHoles holes) {
  using Answer = rocksdb::WalFilter::WalProcessingOption;
  filter = std::make_unique<GapFilter>(holes == LogHoles::kRefuse ? Answer::kCorruptedRecord
                                                                  : Answer::kStopReplay);
  rocksdb::DBOptions database = database_options(options, holes);
  database.wal_filter = filter.get();
  rocksdb::DB* opened = nullptr;
  const auto status =
      rocksdb::DB::Open(database, data_dir, column_families(options), &handles, &opened);
  db.reset(opened);
  if (!status.ok()) return status;
  trimmer.emplace(*db, data_dir, change_log_bytes);
  trimmer->trim();
  return status;
}

void RocksdbEngine::Impl::close() {
  for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
  handles.clear();
  trimmer.reset();
  db.reset();
}

RocksdbEngine::RocksdbEngine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RocksdbEngine::~RocksdbEngine() = default;

absl::StatusOr<std::unique_ptr<RocksdbEngine>> RocksdbEngine::open(const RocksdbOptions& options) {
  if (const absl::Status created = create_directory(options.data_dir); !created.ok())
    return created;
  if (const std::string damage = damage_marked(options.data_dir); !damage.empty())
    return absl::DataLossError(
        absl::StrCat(options.data_dir, ": damaged: ", damage, " (so says the file DAMAGED in it)"));
  auto impl = std::make_unique<Impl>(options);
  const std::string last_boot = read_boot_file(options.data_dir);
  impl->directory_found = directory_mark(options.data_dir);
  rocksdb::Status status = impl->open(options, LogHoles::kRefuse);
  const bool restarted =
      !options.boot_id.empty() && !last_boot.empty() && last_boot != options.boot_id;
  if (status.IsCorruption() && restarted) {
    const std::string damage = status.ToString();
    status = impl->open(options, LogHoles::kStopThere);
    impl->recovery_note =
        absl::StrCat(options.data_dir,
                     ": the machine stopped before everything was on disk, and left "
                     "a hole in the log (",
                     damage, "). What was written after the hole is dropped here");
  }
  if (!status.ok()) return from_failed_open(status, options.data_dir);
  if (!options.boot_id.empty()) {
    const absl::Status noted = write_boot_file(options.data_dir, options.boot_id);
    if (!noted.ok()) return noted;
  }
  return std::unique_ptr<RocksdbEngine>(new RocksdbEngine(std::move(impl)));
}

absl::StatusOr<std::optional<std::string>> RocksdbEngine::get(Family family,
                                                              std::string_view key) const {
  rocksdb::PinnableSlice value;
  const auto status =
      impl_->db->Get(rocksdb::ReadOptions(), impl_->handle(family), slice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return from_rocksdb(status, impl_->data_dir);
  return value.ToString();
}

absl::Status RocksdbEngine::scan(Family family, std::string_view from, std::string_view to,
                                 const Visitor& visit) const {
  rocksdb::ReadOptions options;
  const rocksdb::Slice bound = slice(to);
  if (!to.empty()) options.iterate_upper_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> it(
      impl_->db->NewIterator(options, impl_->handle(family)));
  for (it->Seek(slice(from)); it->Valid(); it->Next())
    if (!visit(view(it->key()), view(it->value()))) return absl::OkStatus();
  return from_rocksdb(it->status(), impl_->data_dir);
}

absl::Status RocksdbEngine::commit(const WriteBatch& batch) {
  if (const absl::Status failed = impl_->failed(); !failed.ok()) return failed;
  if (batch.empty()) return absl::OkStatus();
  rocksdb::WriteBatch changes;
  if (!batch.announced().empty()) {  // first: whoever reads it knows what to look for
    const auto status = changes.PutLogData(encode_announced(batch.announced()));
    if (!status.ok()) return from_rocksdb(status, impl_->data_dir);
  }
  for (const WriteBatch::Range& range : batch.ranges()) {
    const auto status = changes.DeleteRange(impl_->handle(range.family), range.from, range.to);
    if (!status.ok()) return from_rocksdb(status, impl_->data_dir);
  }
  for (const auto& [key, value] : batch.changes()) {
    auto* family = impl_->handle(key.first);
    const auto status = value.has_value() ? changes.Put(family, key.second, *value)
                                          : changes.Delete(family, key.second);
    if (!status.ok()) return from_rocksdb(status, impl_->data_dir);
  }
  const absl::Status admitted = impl_->reserve.admit(changes.GetDataSize());
  if (!admitted.ok()) return admitted;
  rocksdb::WriteOptions options;
  options.sync = false;
  const rocksdb::Status status = impl_->db->Write(options, &changes);
  if (status.ok()) {
    impl_->trimmer->wrote(changes.GetDataSize());
    return absl::OkStatus();
  }
  const absl::Status mapped = from_rocksdb(status, impl_->data_dir);
  if (absl::IsDataLoss(mapped)) mark_damaged(impl_->data_dir, status.ToString());
  // A severity is that of an earlier failure in the background, which RocksDB may overcome. Without
  // one this very write failed, and may have left half a batch at the end of the log.
  return status.severity() == rocksdb::Status::Severity::kNoError ? impl_->fail(mapped) : mapped;
}

absl::Status RocksdbEngine::sync() {
  const std::lock_guard syncing(impl_->sync_mutex);
  if (const absl::Status failed = impl_->failed(); !failed.ok()) return failed;
  const absl::Status status = from_rocksdb(impl_->db->SyncWAL(), impl_->data_dir);
  if (status.ok()) {
    impl_->trimmer->trim_if_due();
    return status;
  }
  distrust_directory(impl_->data_dir);  // the kernel may have dropped what it could not write
  return impl_->fail(status);
}

std::uint64_t RocksdbEngine::position() const { return impl_->db->GetLatestSequenceNumber() + 1; }

absl::StatusOr<std::unique_ptr<ChangeReader>> RocksdbEngine::changes(std::uint64_t from) const {
  return read_change_log(*impl_->db, impl_->handle(Family::kObjects)->GetID(), from,
                         impl_->data_dir);
}

std::uint64_t RocksdbEngine::disk_bytes() const {
  std::uint64_t bytes = 0;
  std::error_code error;  // files come and go meanwhile: what is gone counts nothing
  for (fs::recursive_directory_iterator it(impl_->data_dir, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code gone;
    const std::uintmax_t size = it->is_regular_file(gone) ? it->file_size(gone) : 0;
    if (!gone) bytes += size;
  }
  return bytes;
}

const std::string& RocksdbEngine::recovery_note() const { return impl_->recovery_note; }

const std::string& RocksdbEngine::directory_found() const { return impl_->directory_found; }

std::string RocksdbEngine::directory() const { return directory_mark(impl_->data_dir); }

}  // namespace kv::storage
