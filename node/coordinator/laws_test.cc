// The laws by which replicas may exchange what they hold in any order, in any company and any number of times, for each policy and
// for collections, on a large number of states that replicas really reach; and every short history, to its end.
//
// Generated without RapidCheck, whose machinery for shrinking would take most of the time: a history is drawn from a seed, and
// what fails names it. That each law can fail is shown by joins which break it and nothing else.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "node/base/rng.h"
#include "node/coordinator/join_answers.h"
#include "node/resolution/model_replicas.h"
#include "node/resolution/policies.h"
#include "node/storage/collections.h"

namespace kv {
namespace {

using storage::Leaf;

const storage::Bucket kSets{PolicyKind::kSet, "b"};
const storage::Bucket kMaps{PolicyKind::kMap, "b"};

// Storage keys whose objects are looked at together.
struct Kind {
  std::string name;
  std::vector<std::string> keys;
};

std::vector<Kind> kinds() {
  std::vector<Kind> all;
  for (const PolicyKind kind : {PolicyKind::kLww, PolicyKind::kSiblings, PolicyKind::kFww,
                                PolicyKind::kMax, PolicyKind::kMin, PolicyKind::kCounter,
                                PolicyKind::kRegister, PolicyKind::kFlag, PolicyKind::kCustom})
    all.push_back({std::string(policy(kind).name()), {storage::storage_key({kind, "b"}, "k")}});
  const auto in_set = [](const char* element) {
    return leaf_key(kSets, "k", Leaf{{}, PolicyKind::kSet, element});
  };
  const auto in_map = [](storage::Path path, PolicyKind kind, const char* element = "") {
    return leaf_key(kMaps, "k", Leaf{std::move(path), kind, element});
  };
  all.push_back({"set", {in_set("x"), in_set("y")}});
  all.push_back({"map, nested: register, counter",
                 {in_map({"profile", "name"}, PolicyKind::kRegister),
                  in_map({"profile", "visits"}, PolicyKind::kCounter)}});
  all.push_back({"map, nested: flag, set",
                 {in_map({"profile", "beta"}, PolicyKind::kFlag),
                  in_map({"profile", "tags"}, PolicyKind::kSet, "x")}});
  return all;
}

const Policy* policy_at(const std::string& key) { return &storage::policy_of(key); }

// What a replica, or a delta, says of a kind's keys.
struct State {
  std::vector<Object> objects;  // one per key
  Clock clock;
  bool operator==(const State&) const = default;
};

State state_of(const ModelReplica& replica, const Kind& kind) {
  State state{{}, replica.clock()};
  for (const std::string& key : kind.keys) {
    state.objects.push_back(replica.state(key).object);
    strip(state.objects.back(), state.clock);  // which upkeep does late
  }
  return state;
}

using Join = State (*)(const Kind&, const State&, const State&);

// As anti-entropy and deltas do it. Stripped, equal knowledge is equal bytes.
State join_all(const Kind& kind, const State& a, const State& b) {
  State out = a;
  out.clock.join(b.clock);
  for (std::size_t i = 0; i < kind.keys.size(); ++i) {
    join(out.objects[i], a.clock, b.objects[i], b.clock);
    policy_at(kind.keys[i])->resolve(out.objects[i].versions);
    strip(out.objects[i], out.clock);
  }
  return out;
}

// ---- States that replicas reach -------------------------------------------------------------------------------------

// Writes with old and new tokens and with none; deltas lost, late, repeated and out of order; one page of an exchange, and whole
// ones. Few wall times, so that times are tied.
class History {
 public:
  History(const Kind& kind, std::uint64_t seed) : kind_(kind), rng_(seed) {
    for (std::uint64_t actor = 1; actor <= 3; ++actor) replicas_.emplace_back(actor, policy_at);
    const std::size_t replicas = 2 + rng_.below(2);
    for (int i = 0; i < 28; ++i) step(rng_.below(replicas), rng_.below(replicas));
  }

  // Of replicas at different moments, and of deltas.
  const std::vector<State>& states() const { return states_; }
  const std::vector<State>& of_replicas() const { return of_replicas_; }

 private:
  void step(std::size_t at, std::size_t other) {
    ModelReplica& here = replicas_[at];
    const std::string& key = kind_.keys[rng_.below(kind_.keys.size())];
    const std::uint64_t what = rng_.below(10);
    if (what < 4)
      write(here, key);
    else if (what < 6 && !deltas_.empty())
      here.apply(deltas_[rng_.below(deltas_.size())]);
    else if (what == 6)
      here.sync_from(replicas_[other]);
    else if (what == 7)
      here.page_from(replicas_[other], key, missing(here, replicas_[other], key));
    else
      tokens_.emplace_back(key, here.read(key));
    keep(state_of(here, kind_), of_replicas_);
    keep(state_of(here, kind_), states_);
  }

  void write(ModelReplica& here, const std::string& key) {
    std::optional<ModelToken> token;
    if (!tokens_.empty() && rng_.below(2) == 0) {
      const auto& [of, candidate] = tokens_[rng_.below(tokens_.size())];
      if (of == key) token = candidate;
    }
    std::optional<std::string> value;
    if (rng_.below(4) != 0) value = std::to_string(rng_.between(-20, 20));
    const auto delta =
        here.try_write(key, std::move(value), token, WallMs{rng_.between(1000, 1002)});
    if (!delta.has_value()) return;
    deltas_.push_back(*delta);
    State alone{std::vector<Object>(kind_.keys.size()), {}};
    for (std::size_t i = 0; i < kind_.keys.size(); ++i) {
      if (kind_.keys[i] != key) continue;
      alone.objects[i].context = delta->context;
      if (delta->version.value.has_value() || policy_at(key)->is_ordered())
        alone.objects[i].versions.push_back(delta->version);
    }
    keep(std::move(alone), states_);
  }

  Clock missing(const ModelReplica& here, const ModelReplica& other, const std::string& key) const {
    Clock dots;
    for (const ModelDelta& delta : deltas_)
      if (delta.key == key && other.clock().contains(delta.version.dot) &&
          !here.clock().contains(delta.version.dot))
        dots.add(delta.version.dot);
    return dots;
  }

  static void keep(State state, std::vector<State>& states) {
    if (states.size() < kStates && (states.empty() || !(states.back() == state)))
      states.push_back(std::move(state));
  }

  static constexpr std::size_t kStates = 16;

  const Kind& kind_;
  Rng rng_;
  std::vector<ModelReplica> replicas_;
  std::vector<ModelDelta> deltas_;
  std::vector<std::pair<std::string, ModelToken>> tokens_;
  std::vector<State> states_;
  std::vector<State> of_replicas_;
};

// ---- The laws -------------------------------------------------------------------------------------------------------

struct Law {
  std::uint64_t cases = 0;
  std::uint64_t broken = 0;
  std::uint64_t first_seed = 0;  // of a history that breaks it
};

class Laws {
 public:
  Law commutative, associative, idempotent, readers;

  Laws(const Kind& kind, Join join, std::uint64_t cases) : kind_(kind), join_(join) {
    for (seed_ = 1; readers.cases < cases || commutative.cases < cases; ++seed_) {
      const History history(kind, seed_);
      check(history.states());
      check_readers(history.of_replicas());
    }
  }

 private:
  void count(Law& law, bool holds) {
    ++law.cases;
    if (holds) return;
    if (law.broken++ == 0) law.first_seed = seed_;
  }

  void check(const std::vector<State>& states) {
    for (std::size_t i = 0; i < states.size(); ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        const State &a = states[i], &b = states[j], &c = states[(i * 7 + j) % states.size()];
        const State ab = join_(kind_, a, b);
        count(commutative, i == j || ab == join_(kind_, b, a));
        count(idempotent, join_(kind_, ab, b) == ab && (i != j || ab == a));
        count(associative, join_(kind_, ab, c) == join_(kind_, a, join_(kind_, b, c)));
      }
    }
  }

  // A reader who hears three replicas, in whatever order, is shown what a replica that has joined them all would show.
  void check_readers(const std::vector<State>& states) {
    for (std::size_t i = 0; i < states.size(); ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        const State &a = states[i], &b = states[j], &c = states[(i * 7 + j) % states.size()];
        const State all = join_(kind_, join_(kind_, a, b), c);
        for (std::size_t k = 0; k < kind_.keys.size(); ++k)
          count(readers, shown({&c, &a, &b}, k) == shown({&all}, k));
      }
    }
  }

  std::vector<Version> shown(const std::vector<const State*>& heard, std::size_t key) const {
    std::vector<ReplicaObject> answers;
    answers.reserve(heard.size());
    for (const State* state : heard) answers.push_back({&state->objects[key], &state->clock});
    const Policy& policy = *policy_at(kind_.keys[key]);
    return to_read_item("", join_answers(answers, policy, WallMs{2000}), policy, WallMs{2000})
        .versions;
  }

  const Kind& kind_;
  const Join join_;
  std::uint64_t seed_ = 0;
};

class EveryKind : public testing::TestWithParam<Kind> {};

// As many as the build says, or the environment: a million of each take some minutes.
std::uint64_t cases() {
  std::uint64_t asked = 0;
  const char* text = std::getenv("KV_LAW_CASES");
  return text != nullptr && absl::SimpleAtoi(text, &asked) && asked > 0 ? asked : KV_LAW_CASES;
}

TEST_P(EveryKind, JoinsInAnyOrderAndNumberComeToTheSame) {
  const Laws laws(GetParam(), join_all, cases());
  for (const auto& [name, law] :
       {std::pair("commutative", laws.commutative), std::pair("associative", laws.associative),
        std::pair("idempotent", laws.idempotent), std::pair("shown to readers", laws.readers)}) {
    EXPECT_GE(law.cases, cases()) << name;
    EXPECT_EQ(law.broken, 0U) << name << ": first by seed " << law.first_seed;
  }
}

const Kind& kind_named(const std::string& name) {
  static const std::vector<Kind> all = kinds();
  return *std::find_if(all.begin(), all.end(), [&](const Kind& kind) { return kind.name == name; });
}

// What is here stays, whatever comes.
State whoever_was_first(const Kind& kind, const State& a, const State& b) {
  State out = join_all(kind, a, b);
  if (!a.objects[0].versions.empty()) out.objects[0].versions = a.objects[0].versions;
  return out;
}

// Of three versions that meet, one is lost.
State no_more_than_two(const Kind& kind, const State& a, const State& b) {
  State out = join_all(kind, a, b);
  if (out.objects[0].versions.size() > 2) out.objects[0].versions.pop_back();
  return out;
}

// The number of a version that both hold is added up.
State counted_twice(const Kind& kind, const State& a, const State& b) {
  State out = join_all(kind, a, b);
  for (Version& version : out.objects[0].versions) {
    const auto& also = b.objects[0].versions;
    const auto both = std::find_if(also.begin(), also.end(),
                                   [&](const Version& each) { return each.dot == version.dot; });
    const bool ours = std::any_of(a.objects[0].versions.begin(), a.objects[0].versions.end(),
                                  [&](const Version& each) { return each.dot == version.dot; });
    if (both != also.end() && ours)
      version.value = std::to_string(std::stoll(*version.value) + std::stoll(*both->value));
  }
  return out;
}

// Who takes in what another holds takes no notice of what that one knows to be gone.
State gone_unnoticed(const Kind& kind, const State& a, const State& b) {
  State from = b;
  from.clock = {};
  from.objects[0].context = {};
  State out = join_all(kind, a, from);
  out.clock.join(b.clock);
  return out;
}

TEST(Laws, EachIsBrokenByAJoinThatIsWrong) {
  constexpr std::uint64_t kFew = 20'000;
  const Laws first(kind_named("siblings"), whoever_was_first, kFew);
  EXPECT_GT(first.commutative.broken, 0U);
  const Laws two(kind_named("siblings"), no_more_than_two, kFew);
  EXPECT_GT(two.associative.broken, 0U);
  EXPECT_EQ(two.commutative.broken, 0U) << "only so this one";
  const Laws twice(kind_named("counter"), counted_twice, kFew);
  EXPECT_GT(twice.idempotent.broken, 0U);
  EXPECT_EQ(twice.commutative.broken, 0U) << "only so this one";
  const Laws unnoticed(kind_named("register"), gone_unnoticed, kFew);
  EXPECT_GT(unnoticed.readers.broken, 0U);
}

// ---- Every short history --------------------------------------------------------------------------------------------

// Three replicas, every sequence of so many operations: at some key a put or a delete, without a token or, where there is one key,
// with that of a read at the next replica; or one replica learning all from the next. At its end everybody learns everything.
class Exhaustive {
 public:
  explicit Exhaustive(const Kind& kind) : kind_(kind) {}

  std::size_t run(std::size_t depth) {
    extend({ModelReplica(1, policy_at), ModelReplica(2, policy_at), ModelReplica(3, policy_at)}, {},
           depth);
    return histories_;
  }

 private:
  void extend(const std::vector<ModelReplica>& replicas, const std::vector<ModelDelta>& deltas,
              std::size_t left) {
    check(replicas, deltas);
    if (left == 0) return;
    for (std::size_t at = 0; at < replicas.size(); ++at) {
      for (const std::string& key : kind_.keys)
        for (const bool put : {true, false})
          for (const bool token : {false, true})
            if (!token || kind_.keys.size() == 1)
              write(replicas, deltas, left, at, key, put, token);
      auto changed = replicas;
      changed[at].sync_from(replicas[(at + 1) % replicas.size()]);
      if (!(changed[at].clock() == replicas[at].clock())) extend(changed, deltas, left - 1);
    }
  }

  void write(const std::vector<ModelReplica>& replicas, const std::vector<ModelDelta>& deltas,
             std::size_t left, std::size_t at, const std::string& key, bool put, bool token) {
    auto changed = replicas;
    std::optional<ModelToken> sent;
    if (token) sent = replicas[(at + 1) % replicas.size()].read(key);
    const auto value = put ? std::optional(std::to_string(10 * left + at)) : std::nullopt;
    const auto delta = changed[at].try_write(key, value, sent, WallMs{1000});
    if (!delta.has_value()) return;
    auto more = deltas;
    more.push_back(*delta);
    extend(changed, more, left - 1);
  }

  void check(std::vector<ModelReplica> replicas, const std::vector<ModelDelta>& deltas) {
    ++histories_;
    for (int round = 0; round < 2; ++round)
      for (ModelReplica& to : replicas)
        for (const ModelReplica& from : replicas) to.sync_from(from);
    for (const std::string& key : kind_.keys) {
      const auto left = survivors(*policy_at(key), deltas, key);
      for (const ModelReplica& replica : replicas)
        if (replica.state(key).object.versions != left)
          ADD_FAILURE() << kind_.name << ": a history of " << deltas.size() << " writes";
    }
  }

  const Kind& kind_;
  std::size_t histories_ = 0;
};

TEST_P(EveryKind, EveryInterleavingOfAFewOperationsOfThreeReplicasConverges) {
  EXPECT_GT(Exhaustive(GetParam()).run(KV_LAW_OPERATIONS), 1'000U);
}

INSTANTIATE_TEST_SUITE_P(Laws, EveryKind, testing::ValuesIn(kinds()), [](const auto& tested) {
  std::string name = tested.param.name;
  std::erase_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
  return name;
});

}  // namespace
}  // namespace kv
