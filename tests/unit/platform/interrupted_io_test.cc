// ST-23: the kernel may write or read less than it was asked for, or be interrupted before the first byte.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/random.h"
#include "platform/posix_disk.h"

namespace {

// What the calls below do in turn while armed: fail with EINTR, then move at most so many bytes.
struct Interruptions {
  bool armed = false;
  std::size_t most = 0;
  int calls = 0;
  int interrupted = 0;
  bool interrupt() {
    if (!armed || ++calls % 3 != 0) return false;
    ++interrupted;
    errno = EINTR;
    return true;
  }
} interruptions;

}  // namespace

// In place of the C library's, for the whole test program.
extern "C" ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  if (interruptions.interrupt()) return -1;
  if (!interruptions.armed) return ::syscall(SYS_pwritev, fd, parts, count, offset, 0);
  return ::syscall(SYS_pwrite64, fd, parts->iov_base, std::min(parts->iov_len, interruptions.most), offset);
}

extern "C" ssize_t pread(int fd, void* into, size_t size, off_t offset) {
  if (interruptions.interrupt()) return -1;
  if (interruptions.armed) size = std::min(size, interruptions.most);
  return ::syscall(SYS_pread64, fd, into, size, offset);
}

namespace moldau::platform {
namespace {

class InterruptedIo : public testing::TestWithParam<std::size_t> {
 protected:
  InterruptedIo() {
    std::string pattern = testing::TempDir() + "moldau-interrupted-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    interruptions = {.armed = true, .most = GetParam()};
  }
  ~InterruptedIo() override {
    interruptions = {};
    EXPECT_TRUE(remove_tree(disk_, folder_));
  }

  PosixDisk disk_;
  std::string folder_;
};

TEST_P(InterruptedIo, ST_23_ShortWritesAndReadsAreCompletedAtTheRightPlace) {
  Random random(23);
  std::vector<std::vector<std::byte>> parts(2000);  // more than one call may take
  std::vector<std::byte> all;
  for (auto& part : parts) {
    part.resize(random.below(40));
    random.fill(part);
    all.insert(all.end(), part.begin(), part.end());
  }
  const std::vector<ByteView> views(parts.begin(), parts.end());
  auto file = *disk_.open(folder_ + "/log", runtime::OpenMode::create_new);
  constexpr std::uint64_t kAt = 5;
  ASSERT_TRUE(file->write_at(kAt, views));
  EXPECT_GT(interruptions.interrupted, 0);
  EXPECT_EQ(*file->size(), kAt + all.size());
  std::vector<std::byte> back(all.size() + 100);
  const auto read = file->read_at(kAt, back);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, all.size());
  back.resize(*read);
  EXPECT_EQ(back, all);
}

INSTANTIATE_TEST_SUITE_P(BytesACall, InterruptedIo, testing::Values(1, 7, 4096));

}  // namespace
}  // namespace moldau::platform
