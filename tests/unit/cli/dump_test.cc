// kafka-dump-log on the indexes beside a segment.
#include "cli/dump_log.h"

#include "unit/cli/fake_process.h"

namespace moldau::cli {
namespace {

const std::string kIndex = "/data/t-0/00000000000000000007.index";
const std::string kTimeIndex = "/data/t-0/00000000000000000007.timeindex";
constexpr DumpOptions kSanityCheck{.sanity_check_only = true};
constexpr DumpOptions kVerify{.verify_only = true};

class DumpTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(world.disk().create_directories("/data/t-0")); }
  // What is printed of a file with these contents, behind "damaged: " when it says so.
  std::string dumped(const std::string& path, std::string_view contents, const DumpOptions& options = {}) {
    EXPECT_TRUE(runtime::write_file_atomically(world.disk(), path, as_bytes(contents)));
    TextOutput output;
    Printer out(output);
    const auto sound = dump_file(world.disk(), path, options, out);
    out.flush();
    if (!sound) return sound.error().message;
    return (*sound ? "" : "damaged: ") + output.text;
  }
  simulation::World world{3};
};

TEST_F(DumpTest, AnOffsetIndexWithoutEntriesIsEmpty) {
  for (const DumpOptions& options : {DumpOptions(), kSanityCheck, kVerify})
    EXPECT_EQ(dumped(kIndex, "", options), kIndex + " is empty.\n");
}

TEST_F(DumpTest, AnOffsetIndexWithEntries) {
  const std::string entries("\0\0\0\3\0\0\0\x40\0\0\0\5\0\0\0\x60", 16);
  EXPECT_EQ(dumped(kIndex, entries), "offset: 10 position: 64\noffset: 12 position: 96\n");
  EXPECT_EQ(dumped(kIndex, entries, kSanityCheck), kIndex + " passed sanity check.\n");
  EXPECT_EQ(dumped(kIndex, entries, kVerify), "");
  const std::string cut = dumped(kIndex, std::string_view(entries).substr(0, 11), kSanityCheck);
  EXPECT_TRUE(cut.starts_with("damaged: " + kIndex + " failed the sanity check: ")) << cut;
}

TEST_F(DumpTest, ATimeIndexWithoutEntriesIsSound) {
  EXPECT_EQ(dumped(kTimeIndex, ""), "");
  EXPECT_EQ(dumped(kTimeIndex, "", kSanityCheck), kTimeIndex + " passed sanity check.\n");
}

}  // namespace
}  // namespace moldau::cli
