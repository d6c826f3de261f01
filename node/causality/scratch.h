// The protobuf message that a codec fills or reads, for the length of one call.
//
// Intuition: records are small and many, and most of what a fresh message costs is its allocations. Each thread keeps one
// message of each kind, which keeps the room of its parts; of a large one, nothing is kept.
// Rejected: an arena on the stack; setting one up and taking it down costs more than small records do.
//
// At most one of a kind is in use by a thread at a time.
#pragma once

#include <climits>
#include <string>
#include <string_view>
#include <utility>

#include "node/base/check.h"
#include "node/base/sealed.h"

namespace kv {

template <typename Record>
class Scratch {
 public:
  Scratch() { KV_CHECK(!std::exchange(kept().in_use, true), "a codec does not call itself"); }
  ~Scratch() {
    if (is_large_)
      kept().record = Record();
    else
      kept().record.Clear();
    kept().in_use = false;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  Record* operator->() { return &record_; }
  Record& operator*() { return record_; }

  // Replaces what is there. False: the bytes are no such record.
  bool parse(std::string_view bytes) {
    is_large_ = bytes.size() > kLargestKept;
    return bytes.size() <= INT_MAX &&
           record_.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  }

  std::string bytes() { return after(""); }
  std::string sealed() {  // see node/base/sealed.h
    std::string out = after(std::string(kSealBytes, '\0'));
    seal_in_place(out, 0);
    return out;
  }

 private:
  static constexpr std::size_t kLargestKept = 64 * 1024;
  struct Kept {
    Record record;
    bool in_use = false;
  };
  static Kept& kept() {
    static thread_local Kept one;
    return one;
  }

  std::string after(std::string out) {
    record_.AppendToString(&out);
    is_large_ = out.size() > kLargestKept;
    return out;
  }

  Record& record_ = kept().record;
  bool is_large_ = false;
};

}  // namespace kv
