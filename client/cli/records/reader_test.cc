#include <gtest/gtest.h>

#include <atomic>
#include <sstream>
#include <streambuf>
#include <thread>

#include "client/cli/records/batcher.h"
#include "client/cli/records/line_reader.h"
#include "client/cli/records/record_reader.h"

namespace kv::cli {
namespace {

// Gives its text in pieces of a few bytes, as a slow pipe does, and then ends or fails.
class DrippingBuffer : public std::streambuf {
 public:
  DrippingBuffer(std::string text, std::size_t piece, bool fails)
      : text_(std::move(text)), piece_(piece), fails_(fails) {}

 protected:
  int_type underflow() override {
    if (at_ == text_.size()) {
      if (fails_) throw std::ios_base::failure("broken");
      return traits_type::eof();
    }
    const std::size_t size = std::min(piece_, text_.size() - at_);
    setg(text_.data() + at_, text_.data() + at_, text_.data() + at_ + size);
    at_ += size;
    return traits_type::to_int_type(*gptr());
  }

 private:
  std::string text_;
  const std::size_t piece_;
  const bool fails_;
  std::size_t at_ = 0;
};

std::string lines_of(std::istream& in, std::size_t max_line) {
  LineReader reader(in, max_line);
  Line line;
  std::string all;
  while (reader.next(&line)) {
    all += std::to_string(line.number) + (line.too_long ? "!" : ":" + std::string(line.text)) + "|";
  }
  return all + (reader.failed() ? "failed" : "end");
}

TEST(LineReader, GivesTheSameLinesHoweverTheyArrive) {
  const std::string text =
      "one\n\nthree is too long for the limit\nfour\r\n12345678\n123456789\nlast";
  for (std::size_t piece = 1; piece < 70; ++piece) {
    DrippingBuffer buffer(text, piece, false);
    std::istream in(&buffer);
    EXPECT_EQ(lines_of(in, 8), "1:one|2:|3!|4:four\r|5:12345678|6!|7:last|end") << piece;
  }
}

TEST(LineReader, HandlesEnds) {
  const auto lines = [](const std::string& text) {
    std::istringstream in(text);
    return lines_of(in, 4);
  };
  EXPECT_EQ(lines(""), "end");
  EXPECT_EQ(lines("\n"), "1:|end");
  EXPECT_EQ(lines("a"), "1:a|end");
  EXPECT_EQ(lines("toolong"), "1!|end");
  EXPECT_EQ(lines("toolong\n"), "1!|end");
}

TEST(LineReader, ReportsAStreamThatBreaks) {
  DrippingBuffer buffer("one\npart", 3, true);
  std::istream in(&buffer);
  EXPECT_EQ(lines_of(in, 100), "1:one|failed");
}

TEST(RecordReader, NumbersLinesAndGoesOnAfterARefusal) {
  std::istringstream in(
      "\n{\"key\":\"a\",\"value\":\"1\"}\n "
      "\r\nnonsense\n{\"key\":\"\",\"value\":\"1\"}\n{\"key\":\"b\",\"value\":\"2\"}");
  RecordReader reader(in, std::nullopt, false);
  EXPECT_EQ(reader.next()->line, 2U);
  const auto nonsense = reader.next();
  EXPECT_EQ(nonsense->line, 4U);
  EXPECT_EQ(nonsense->record.status().message(), "not JSON: wrong at byte 2");
  EXPECT_EQ(reader.next()->record.status().message(), "key is empty; it must have 1 to 4096 bytes");
  EXPECT_EQ(reader.next()->record.value(), (Record{"b", "2"}));
  EXPECT_FALSE(reader.next().has_value());
  EXPECT_FALSE(reader.failed());
}

TEST(RecordReader, KeepsToTheFormatOfTheFirstLine) {
  std::istringstream tsv("a\t1\n{\"key\":\"b\",\"value\":\"2\"}\n");
  RecordReader reader(tsv, std::nullopt, false);
  EXPECT_EQ(reader.next()->record.value(), (Record{"a", "1"}));
  EXPECT_EQ(reader.next()->record.status().message(), "no tab between key and value");
  std::istringstream braces("{a\t1\n");
  EXPECT_EQ(RecordReader(braces, RecordFormat::kTsv, false).next()->record.value(),
            (Record{"{a", "1"}));
  std::istringstream base64("aw==\tdg==\n");
  EXPECT_EQ(RecordReader(base64, std::nullopt, true).next()->record.value(), (Record{"k", "v"}));
}

TEST(RecordReader, NamesSizesOverTheLimit) {
  std::istringstream in(std::string(4097, 'k') + "\tv\nk\t" + std::string(4194305, 'v') +
                        "\nk\tv\n");
  RecordReader reader(in, std::nullopt, false);
  EXPECT_EQ(reader.next()->record.status().message(), "key has 4097 bytes; the limit is 4096");
  EXPECT_EQ(reader.next()->record.status().message(),
            "value has 4194305 bytes; the limit is 4194304");
  EXPECT_TRUE(reader.next()->record.ok());
}

TEST(Batcher, CutsByCount) {
  Batcher batcher(2);
  EXPECT_FALSE(batcher.add({"a", "1"}, 1).has_value());
  EXPECT_FALSE(batcher.add({"b", "2"}, 2).has_value());
  const auto full = batcher.add({"c", "3"}, 4);
  ASSERT_TRUE(full.has_value());
  EXPECT_EQ(full->records, (std::vector<Record>{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(full->lines, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(full->bytes, 4U);
  EXPECT_EQ(batcher.take().lines, (std::vector<std::uint64_t>{4}));
  EXPECT_TRUE(batcher.take().empty());
}

TEST(Batcher, CutsByBytes) {
  Batcher batcher(100, 10);
  EXPECT_FALSE(batcher.add({"a", std::string(50, 'x')}, 1).has_value());
  EXPECT_EQ(batcher.add({"b", "1234"}, 2)->bytes, 51U);
  EXPECT_FALSE(batcher.add({"c", "1234"}, 3).has_value());
  EXPECT_EQ(batcher.add({"d", ""}, 4)->bytes, 10U);
}

TEST(Batcher, NeverHoldsAKeyTwice) {
  Batcher batcher(100);
  EXPECT_FALSE(batcher.add({"a", "1"}, 1).has_value());
  EXPECT_FALSE(batcher.add({"b", "1"}, 2).has_value());
  EXPECT_EQ(batcher.add({"a", "2"}, 3)->lines.size(), 2U);
  EXPECT_FALSE(batcher.add({"b", "2"}, 4).has_value());
}

TEST(KeysInFlight, HoldsBackABatchWhileAKeyIsInAnother) {
  KeysInFlight keys;
  keys.enter({.records = {{"a", "1"}, {"b", "1"}}});
  keys.enter({.records = {{"c", "1"}}});
  std::atomic<bool> entered{false};
  std::thread second([&] {
    keys.enter({.records = {{"b", "2"}, {"d", "1"}}});
    entered = true;
  });
  keys.leave("c");
  keys.leave("a");
  EXPECT_FALSE(entered);  // nothing that happens now can let it in
  keys.leave("b");
  second.join();
  EXPECT_TRUE(entered);
}

}  // namespace
}  // namespace kv::cli
