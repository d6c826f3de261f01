#include "jepsen-style-tests/network/switch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jepsen-style-tests/network/testing/frames.h"

namespace kv::network {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const End& kN1 = kEnds[0];
const End& kN2 = kEnds[1];
const End& kC1 = kEnds[2];

constexpr std::int64_t kLong = 60'000'000;

Switch make_switch(std::uint64_t seed = 1) { return {kEnds, kPorts, seed}; }

std::string payload(const std::string& bytes) { return bytes.substr(54); }

// What arrives, in its order, of frames that are numbered by what they carry and sent a millisecond apart.
std::vector<int> pass(Switch& the_switch, int count) {
  for (int i = 0; i < count; ++i)
    the_switch.take(frame(kN1, kN2, {.payload = std::to_string(i)}), i * 1000);
  std::vector<int> result;
  for (const std::string& bytes : the_switch.due(kLong))
    result.push_back(std::stoi(payload(bytes)));
  return result;
}

std::vector<int> pass(const fault::Link& link, int count, std::uint64_t seed = 1) {
  Switch the_switch = make_switch(seed);
  the_switch.hurt(1, {{"n1", "n2"}}, link);
  return pass(the_switch, count);
}

std::vector<int> all_of(int count) {
  std::vector<int> result(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) result[static_cast<std::size_t>(i)] = i;
  return result;
}

TEST(Frame, IsTakenApart) {
  const std::string bytes =
      frame(kN1, kC1, {.from_port = 7101, .to_port = 5, .flags = kSynFlag | kAckFlag});
  const auto parsed = parse(bytes);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->to, kSwitchMac);
  EXPECT_EQ(parsed->from, kN1.mac);
  EXPECT_EQ(parsed->from_ip, kN1.ip);
  EXPECT_EQ(parsed->to_ip, kC1.ip);
  ASSERT_TRUE(parsed->tcp.has_value());
  EXPECT_EQ(parsed->tcp->from_port, 7101);
  EXPECT_EQ(parsed->tcp->to_port, 5);
  EXPECT_EQ(parsed->tcp->sequence, 1000u);
  EXPECT_EQ(parsed->tcp->acknowledged, 2000u);
  EXPECT_TRUE(parsed->tcp->syn && parsed->tcp->ack && !parsed->tcp->rst);
  EXPECT_EQ(parsed->tcp->payload_bytes, 4u);
}

// An Ethernet frame has at least 60 bytes, whatever it carries.
TEST(Frame, WhatFillsItUpIsNoPayload) {
  const auto parsed = parse(frame(kN1, kN2, {.payload = ""}) + "filled");
  ASSERT_TRUE(parsed.has_value() && parsed->tcp.has_value());
  EXPECT_EQ(parsed->tcp->payload_bytes, 0u);
}

TEST(Frame, WhatIsCutShortOrSomethingElseIsNone) {
  const std::string whole = frame(kN1, kN2);
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse(whole.substr(0, size)).has_value()) << size;
  std::string other = whole;
  other[13] = 6;  // ARP
  EXPECT_FALSE(parse(other).has_value());
}

std::uint32_t sum_of_words(const std::string& bytes, std::size_t begin, std::size_t end,
                           std::uint32_t sum) {
  for (std::size_t at = begin; at < end; at += 2)
    sum += static_cast<std::uint8_t>(bytes[at]) * 256U + static_cast<std::uint8_t>(bytes[at + 1]);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

// The sums of all words, with their checksums, are 0xffff.
TEST(Frame, AResetIsWholeAndToldToBothEnds) {
  const auto sent = parse(frame(kN1, kN2));
  ASSERT_TRUE(sent.has_value());
  for (const auto& [bytes, from, to, sequence] :
       {std::tuple(reset_of_sender(*sent), kN2, kN1, 2000U),
        std::tuple(reset_of_receiver(*sent), kN1, kN2, 1000U)}) {
    const auto reset = parse(bytes);
    ASSERT_TRUE(reset.has_value() && reset->tcp.has_value());
    EXPECT_TRUE(reset->tcp->rst && !reset->tcp->ack && !reset->tcp->syn);
    EXPECT_EQ(reset->from_ip, from.ip);
    EXPECT_EQ(reset->to_ip, to.ip);
    EXPECT_EQ(reset->tcp->sequence, sequence);
    EXPECT_EQ(sum_of_words(bytes, 14, 34, 0), 0xffffU);
    EXPECT_EQ(sum_of_words(bytes, 26, 54, 6 + 20), 0xffffU);  // with addresses, protocol and size
  }
}

TEST(Switch, WhatIsSoundArrivesAtOnceAddressedToItsReceiver) {
  Switch the_switch = make_switch();
  the_switch.take(frame(kN1, kN2), 5);
  EXPECT_EQ(the_switch.next_us(), 5);
  const auto frames = the_switch.due(5);
  ASSERT_THAT(frames, SizeIs(1));
  EXPECT_EQ(parse(frames[0])->to, kN2.mac);
  EXPECT_EQ(payload(frames[0]), "data");
  EXPECT_EQ(the_switch.next_us(), std::nullopt);
}

TEST(Switch, WhatComesFromOrGoesToNobodyIsLost) {
  Switch the_switch = make_switch();
  const End stranger{"x", {2, 2, 2, 2, 2, 2}, 0x0a0000ff};
  the_switch.take(frame(stranger, kN1), 0);
  the_switch.take(frame(kN1, stranger), 0);
  the_switch.take("", 0);
  EXPECT_THAT(the_switch.due(kLong), IsEmpty());
}

TEST(Switch, ACutIsOfOneDirectionAndEnds) {
  Switch the_switch = make_switch();
  the_switch.hurt(7, {{"n1", "n2"}}, {.loss_percent = 100});
  the_switch.take(frame(kN1, kN2), 0);
  EXPECT_THAT(the_switch.due(kLong), IsEmpty());
  the_switch.take(frame(kN2, kN1), 0);
  the_switch.take(frame(kN1, kC1), 0);
  EXPECT_THAT(the_switch.due(kLong), SizeIs(2));
  the_switch.heal(7);
  the_switch.take(frame(kN1, kN2), 0);
  EXPECT_THAT(the_switch.due(kLong), SizeIs(1));
}

TEST(Switch, LosesAboutAsManyAsItShould) {
  EXPECT_THAT(pass({.loss_percent = 20}, 1000),
              SizeIs(testing::AllOf(testing::Gt(750u), testing::Lt(850u))));
}

TEST(Switch, TheSameSeedHurtsInTheSameWay) {
  const fault::Link link{.loss_percent = 20,
                         .delay_ms = 3,
                         .jitter_ms = 5,
                         .reorder_percent = 20,
                         .held_back_ms = 10,
                         .duplicate_percent = 20};
  EXPECT_EQ(pass(link, 200, 3), pass(link, 200, 3));
  EXPECT_NE(pass(link, 200, 3), pass(link, 200, 4));
}

TEST(Switch, DelaysWithJitterInOrder) {
  Switch the_switch = make_switch();
  the_switch.hurt(1, {{"n1", "n2"}}, {.delay_ms = 10, .jitter_ms = 10});
  the_switch.take(frame(kN1, kN2), 0);
  const std::int64_t due_us = the_switch.next_us().value();
  EXPECT_GE(due_us, 10'000);
  EXPECT_LE(due_us, 20'000);
  EXPECT_THAT(the_switch.due(due_us - 1), IsEmpty());
  EXPECT_THAT(the_switch.due(due_us), SizeIs(1));
  EXPECT_EQ(pass(the_switch, 500), all_of(500));
}

TEST(Switch, ReordersAndLosesNothing) {
  std::vector<int> arrived = pass({.reorder_percent = 20, .held_back_ms = 10}, 500);
  EXPECT_NE(arrived, all_of(500));
  std::sort(arrived.begin(), arrived.end());
  EXPECT_EQ(arrived, all_of(500));
}

TEST(Switch, Duplicates) {
  EXPECT_THAT(pass({.duplicate_percent = 100}, 3), ElementsAre(0, 0, 1, 1, 2, 2));
  EXPECT_THAT(pass({.duplicate_percent = 50}, 1000),
              SizeIs(testing::AllOf(testing::Gt(1400u), testing::Lt(1600u))));
}

// A frame of 1000 bytes takes 100 ms; after 200 ms of waiting the buffer is full.
TEST(Switch, ANarrowLinkPassesSoManyBytesASecondAndLosesWhatWaitsTooLong) {
  Switch the_switch = make_switch();
  the_switch.hurt(1, {{"n1", "n2"}}, {.bytes_per_second = 10'000});
  for (int i = 0; i < 6; ++i)
    the_switch.take(frame(kN1, kN2, {.payload = std::string(946, 'x')}), 0);
  EXPECT_THAT(the_switch.due(99'999), IsEmpty());
  EXPECT_THAT(the_switch.due(100'000), SizeIs(1));
  EXPECT_THAT(the_switch.due(200'000), SizeIs(1));
  EXPECT_THAT(the_switch.due(kLong), SizeIs(1));
  the_switch.take(frame(kN1, kN2), kLong);
  EXPECT_EQ(the_switch.next_us(), kLong + 5'800);  // 58 bytes
}

TEST(Switch, HurtsAddUp) {
  Switch the_switch = make_switch();
  the_switch.hurt(1, {{"n1", "n2"}}, {.delay_ms = 10});
  the_switch.hurt(2, {{"n1", "n2"}}, {.delay_ms = 20});
  the_switch.hurt(3, {{"n2", "n1"}}, {.loss_percent = 100});
  the_switch.take(frame(kN1, kN2), 0);
  EXPECT_EQ(the_switch.next_us(), 30'000);
  EXPECT_THAT(the_switch.due(30'000), SizeIs(1));
  the_switch.heal(1);
  the_switch.take(frame(kN1, kN2), 50'000);
  EXPECT_EQ(the_switch.next_us(), 70'000);
}

TEST(Switch, CutsConnectionsToOneServiceInBothDirectionsAndNoOthers) {
  Switch the_switch = make_switch();
  the_switch.hurt(1, {{"n1", "n2"}, {"n2", "n1"}},
                  {.loss_percent = 100, .service = fault::Service::kPeers, .server = "n2"});
  the_switch.take(frame(kN1, kN2, {.from_port = 40'000, .to_port = 7201}), 0);
  the_switch.take(frame(kN2, kN1, {.from_port = 7201, .to_port = 40'000}), 0);
  EXPECT_THAT(the_switch.due(kLong), IsEmpty());
  the_switch.take(frame(kN2, kN1, {.from_port = 40'000, .to_port = 7201}), 0);  // n2's own
  the_switch.take(frame(kN1, kN2, {.from_port = 7201, .to_port = 40'000}), 0);
  the_switch.take(frame(kN1, kN2, {.from_port = 40'000, .to_port = 7101}), 0);
  EXPECT_THAT(the_switch.due(kLong), SizeIs(3));
}

// What is said in answer is lost; that something was heard, and the begin of a connection, is not.
TEST(Switch, CutsAnswersOnly) {
  Switch the_switch = make_switch();
  the_switch.hurt(1, {{"n2", "n1"}},
                  {.loss_percent = 100,
                   .service = fault::Service::kPeers,
                   .server = "n2",
                   .answers_only = true});
  the_switch.take(frame(kN2, kN1, {.from_port = 7201, .to_port = 40'000}), 0);
  EXPECT_THAT(the_switch.due(kLong), IsEmpty());
  the_switch.take(frame(kN2, kN1, {.from_port = 7201, .to_port = 40'000, .payload = ""}), 0);
  the_switch.take(frame(kN1, kN2, {.from_port = 40'000, .to_port = 7201}), 0);
  the_switch.take(frame(kN2, kN1, {.from_port = 40'000, .to_port = 7201}), 0);
  EXPECT_THAT(the_switch.due(kLong), SizeIs(3));
}

TEST(Switch, ConnectionsThatWereThereFallSilentAndNewOnesWork) {
  Switch the_switch = make_switch();
  the_switch.hurt(1, {{"n1", "n2"}, {"n2", "n1"}}, {.silences = true});
  const Segment old{.from_port = 40'000, .to_port = 7201};
  the_switch.take(frame(kN1, kN2, old), 0);
  the_switch.take(frame(kN2, kN1, {.from_port = 7201, .to_port = 40'000, .flags = kRstFlag}), 0);
  EXPECT_THAT(the_switch.due(kLong), IsEmpty());
  the_switch.take(frame(kN1, kN2, {.from_port = 40'001, .to_port = 7201, .flags = kSynFlag}), 0);
  the_switch.take(
      frame(kN2, kN1, {.from_port = 7201, .to_port = 40'001, .flags = kSynFlag | kAckFlag}), 0);
  the_switch.take(frame(kN1, kN2, {.from_port = 40'001, .to_port = 7201}), 0);
  EXPECT_THAT(the_switch.due(kLong), SizeIs(3));
  the_switch.heal(1);
  the_switch.take(frame(kN1, kN2, old), 0);
  EXPECT_THAT(the_switch.due(kLong), SizeIs(1));
}

TEST(Switch, ConnectionsThatWereThereAreResetAtBothEnds) {
  Switch the_switch = make_switch();
  the_switch.hurt(1, {{"n1", "n2"}, {"n2", "n1"}}, {.resets = true});
  the_switch.take(frame(kN1, kN2), 0);
  const auto resets = the_switch.due(kLong);
  ASSERT_THAT(resets, SizeIs(2));
  EXPECT_EQ(parse(resets[0])->to, kN1.mac);
  EXPECT_EQ(parse(resets[1])->to, kN2.mac);
  EXPECT_TRUE(parse(resets[0])->tcp->rst && parse(resets[1])->tcp->rst);
  // Resets are not answered with resets, and new connections are let be.
  the_switch.take(frame(kN2, kN1, {.flags = kRstFlag | kAckFlag}), 0);
  EXPECT_THAT(the_switch.due(kLong), IsEmpty());
  the_switch.take(frame(kN1, kN2, {.from_port = 40'001, .flags = kSynFlag}), 0);
  the_switch.take(frame(kN1, kN2, {.from_port = 40'001}), 0);
  EXPECT_THAT(the_switch.due(kLong), SizeIs(2));
}

}  // namespace
}  // namespace kv::network
