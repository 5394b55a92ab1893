// Runs every input of tests/fuzz/corpus through its target, and the seeds and some noise beside them.
// MOLDAU_FUZZ_SEEDS=1 writes the seeds into the corpus of a target that has none.
#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/random.h"
#include "fuzz/target.h"

namespace moldau::fuzz {
namespace {

namespace fs = std::filesystem;

// Told when the process ends by a property that does not hold.
std::string current;

void tell(int) {
  std::fprintf(stderr, "the input was %s\n", current.c_str());
  std::signal(SIGABRT, SIG_DFL);
}

fs::path corpus_of(const Target& target) {
  return fs::path(MOLDAU_SOURCE_DIR) / "tests/fuzz/corpus" / target.name;
}

// Inputs have exactly their own memory, so that reading beyond them shows.
void run(const Target& target, std::string what, const std::vector<std::byte>& bytes) {
  current = std::string(target.name) + ", " + std::move(what);
  const std::unique_ptr<std::byte[]> exact(new std::byte[bytes.size()]);
  std::ranges::copy(bytes, exact.get());
  target.run({exact.get(), bytes.size()});
}

std::vector<std::byte> contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return {as_bytes(text).begin(), as_bytes(text).end()};
}

void write_seeds(const Target& target) {
  Seeds seeds;
  target.seeds(seeds);
  fs::create_directories(corpus_of(target));
  for (std::size_t i = 0; i < seeds.all().size(); ++i)
    std::ofstream(corpus_of(target) / ("seed-" + std::to_string(i)), std::ios::binary)
        << as_text(seeds.all()[i]);
}

class Replay : public testing::TestWithParam<Target> {
 protected:
  Replay() { std::signal(SIGABRT, tell); }
};

TEST_P(Replay, Corpus) {
  const Target& target = GetParam();
  if (std::getenv("MOLDAU_FUZZ_SEEDS") && !fs::exists(corpus_of(target))) write_seeds(target);
  ASSERT_TRUE(fs::is_directory(corpus_of(target))) << "no corpus: " << corpus_of(target);
  int files = 0;
  for (const auto& entry : fs::directory_iterator(corpus_of(target))) {
    const auto bytes = contents(entry.path());
    EXPECT_EQ(bytes.size(), entry.file_size());
    run(target, entry.path().filename(), bytes);
    ++files;
  }
  EXPECT_GT(files, 0);
}

TEST_P(Replay, SeedsAndSeedsWithBrokenBytes) {
  const Target& target = GetParam();
  Seeds seeds;
  target.seeds(seeds);
  ASSERT_FALSE(seeds.all().empty());
  Random random(1);
  for (std::size_t i = 0; i < seeds.all().size(); ++i) {
    std::vector<std::byte> bytes = seeds.all()[i];
    ASSERT_LE(bytes.size(), target.max_size);
    run(target, "seed " + std::to_string(i), bytes);
    for (int round = 0; round < 5 && !bytes.empty(); ++round) {
      bytes[random.below(bytes.size())] = static_cast<std::byte>(random.next());
      run(target, "seed " + std::to_string(i) + " broken " + std::to_string(round), bytes);
    }
  }
}

TEST_P(Replay, NothingAndNoise) {
  run(GetParam(), "nothing", {});
  Random random(2);
  for (int i = 0; i < 50; ++i) {
    std::vector<std::byte> bytes(random.below(std::min<std::size_t>(GetParam().max_size, 100)) + 1);
    random.fill(bytes);
    run(GetParam(), "noise " + std::to_string(i), bytes);
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Replay, testing::ValuesIn(targets()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace moldau::fuzz
