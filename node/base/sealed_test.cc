#include "node/base/sealed.h"

#include <gtest/gtest.h>

namespace kv {
namespace {

TEST(Sealed, RoundTripsAnyBody) {
  for (const std::string& body :
       {std::string(), std::string("x"), std::string("a\0b\n", 4), std::string(100'000, 'z')}) {
    const std::string bytes = seal(body);
    const auto back = unseal(bytes);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, body);
  }
}

TEST(Sealed, InPlaceIsTheSameBytesAfterWhatStandsBefore) {
  for (const std::string before : {"", "before"}) {
    std::string bytes = before + std::string(kSealBytes, '?') + "a body";
    seal_in_place(bytes, before.size());
    EXPECT_EQ(bytes, before + seal("a body"));
  }
}

TEST(Sealed, FindsEverySingleFlippedBit) {
  const std::string bytes = seal("a value worth keeping");
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(unseal(damaged).status().code(), absl::StatusCode::kDataLoss) << "bit " << bit;
  }
}

TEST(Sealed, RefusesEveryTruncation) {
  const std::string bytes = seal("a value worth keeping");
  for (std::size_t n = 0; n < bytes.size(); ++n) EXPECT_FALSE(unseal(bytes.substr(0, n)).ok()) << n;
}

}  // namespace
}  // namespace kv
