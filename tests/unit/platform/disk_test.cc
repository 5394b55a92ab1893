#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "base/random.h"
#include "platform/posix.h"
#include "platform/posix_disk.h"

namespace moldau::platform {
namespace {

using runtime::OpenMode;

class DiskTest : public testing::Test {
 protected:
  DiskTest() {
    std::string pattern = testing::TempDir() + "moldau-disk-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~DiskTest() override { EXPECT_TRUE(remove_tree(disk_, folder_)); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::unique_ptr<runtime::File> create(const std::string& name) {
    auto file = disk_.open(path(name), OpenMode::create_new);
    EXPECT_TRUE(file) << file.error().message;
    return *std::move(file);
  }

  // tmpfs knows no reads that never wait.
  bool tells_what_is_cached() {
    const auto file = create("probe");
    std::byte byte{};
    return file->write_at(0, as_bytes("x")) && file->read_cached_at(0, {&byte, 1});
  }

  PosixDisk disk_;
  std::string folder_;
};

template <class T>
void expect_error(const Result<T>& result, Errc code, const std::string& path) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, code) << result.error().message;
  EXPECT_NE(result.error().message.find(path), std::string::npos) << result.error().message;
}

std::string read_text(runtime::File& file, std::uint64_t offset, std::size_t size) {
  std::vector<std::byte> bytes(size);
  const auto read = file.read_at(offset, bytes);
  EXPECT_TRUE(read);
  return std::string(as_text(bytes).substr(0, read.value_or(0)));
}

TEST_F(DiskTest, AFileSystemIsSyncedAsAWholeWhereEveryErrorIsTold) {
  expect_error(runtime::open_file_system(disk_, path("missing")), Errc::not_found, path("missing"));
  const auto refused = runtime::open_file_system(disk_, "/proc");
  expect_error(refused, Errc::unsupported, "/proc");
  const auto system = runtime::open_file_system(disk_, folder_);
  if (!system) return expect_error(system, Errc::unsupported, folder_);
  ASSERT_TRUE(create("a")->write_at(0, as_bytes("x")));
  EXPECT_TRUE((*system)->sync());
  EXPECT_TRUE((*system)->holds(folder_));
  EXPECT_TRUE((*system)->holds(path("not there yet")));
  EXPECT_FALSE((*system)->holds("/proc"));
}

TEST_F(DiskTest, OpenModesAndTheirErrors) {
  expect_error(disk_.open(path("a"), OpenMode::read), Errc::not_found, path("a"));
  expect_error(disk_.open(path("a"), OpenMode::read_write), Errc::not_found, path("a"));
  ASSERT_TRUE(disk_.open(path("a"), OpenMode::create));
  ASSERT_TRUE(disk_.open(path("a"), OpenMode::create));
  ASSERT_TRUE(disk_.open(path("a"), OpenMode::read_write));
  expect_error(disk_.open(path("a"), OpenMode::create_new), Errc::already_exists, path("a"));
  auto read_only = *disk_.open(path("a"), OpenMode::read);
  EXPECT_FALSE(read_only->write_at(0, as_bytes("x")));
  EXPECT_EQ(read_only->path(), path("a"));
}

TEST_F(DiskTest, WritesAllPartsAndReadsThemBack) {
  auto file = create("parts");
  Random random(1);
  std::vector<std::vector<std::byte>> parts(3000);  // more than one call takes
  std::vector<ByteView> views;
  std::vector<std::byte> expected;
  for (auto& part : parts) {
    part.resize(random.one_in(5) ? 0 : random.below(300));
    random.fill(part);
    views.push_back(part);
    expected.insert(expected.end(), part.begin(), part.end());
  }
  ASSERT_TRUE(file->write_at(100, views));
  ASSERT_TRUE(file->sync_data());
  EXPECT_EQ(file->size(), 100 + expected.size());
  std::vector<std::byte> back(expected.size());
  EXPECT_EQ(file->read_at(100, back), expected.size());
  EXPECT_EQ(back, expected);
}

TEST_F(DiskTest, ReadsEndAtTheEndOfTheFile) {
  auto file = create("end");
  ASSERT_TRUE(file->write_at(0, as_bytes("abcdef")));
  EXPECT_EQ(read_text(*file, 4, 100), "ef");
  EXPECT_EQ(read_text(*file, 6, 100), "");
  EXPECT_EQ(read_text(*file, 1000, 100), "");
  if (!tells_what_is_cached()) GTEST_SKIP() << "this file system (tmpfs?) cannot tell what is in memory";
  std::byte cached[100];
  EXPECT_EQ(file->read_cached_at(4, cached), 2u);
  EXPECT_EQ(file->read_cached_at(6, cached), 0u);
}

TEST_F(DiskTest, TruncateAndAllocateMoveTheEnd) {
  auto file = create("sized");
  ASSERT_TRUE(file->write_at(0, as_bytes("abcdef")));
  ASSERT_TRUE(file->truncate(3));
  EXPECT_EQ(read_text(*file, 0, 10), "abc");
  ASSERT_TRUE(file->allocate(0, 8192));
  EXPECT_EQ(file->size(), 8192u);
  EXPECT_EQ(read_text(*file, 0, 5), std::string("abc\0\0", 5));
}

TEST_F(DiskTest, CachedReadsSayWhenTheDeviceWouldBeNeeded) {
  if (!tells_what_is_cached()) GTEST_SKIP() << "this file system (tmpfs?) cannot tell what is in memory";
  auto file = create("cold");
  const std::vector<std::byte> contents(1 << 20, std::byte{7});
  ASSERT_TRUE(file->write_at(0, contents));
  std::vector<std::byte> into(4096);
  EXPECT_EQ(file->read_cached_at(0, into), into.size());
  ASSERT_TRUE(file->sync_data());
  file->forget(0, contents.size());
  const auto cold = file->read_cached_at(0, into);
  if (cold) GTEST_SKIP() << "this file system keeps what it was told to forget";
  EXPECT_EQ(cold.error().code, Errc::would_block);
  EXPECT_EQ(file->read_at(0, into), into.size());
  EXPECT_EQ(file->read_cached_at(0, into), into.size());
}

constexpr std::size_t kPiece = 1 << 20;
constexpr std::size_t kPieces = 16;

// A file that only the device has.
class ColdFileTest : public DiskTest {
 protected:
  void SetUp() override {
    file_ = create("cold");
    std::byte piece[4096]{};
    const iovec part{piece, sizeof piece};
    const FileDescriptor open(::open(path("cold").c_str(), O_RDWR));
    ASSERT_TRUE(file_->write_at(0, piece));
    constexpr int kDontCache = 0x80;
    if (::preadv2(open.get(), &part, 1, 0, kDontCache) < 0) GTEST_SKIP() << "no reads here that leave nothing in memory";
    for (std::size_t i = 0; i < kPieces; ++i)
      ASSERT_TRUE(file_->write_at(i * kPiece, std::vector<std::byte>(kPiece, std::byte(i + 1))));
    ASSERT_TRUE(file_->sync_data());
    file_->forget(0, kPieces * kPiece);
    if (share_in_memory() > 0.01) GTEST_SKIP() << "this file system keeps what it was told to forget";
  }

  double share_in_memory() {
    const FileDescriptor open(::open(path("cold").c_str(), O_RDONLY));
    constexpr std::size_t kBytes = kPieces * kPiece;
    void* const mapped = ::mmap(nullptr, kBytes, PROT_READ, MAP_SHARED, open.get(), 0);
    std::vector<unsigned char> pages(kBytes / 4096);
    EXPECT_EQ(::mincore(mapped, kBytes, pages.data()), 0);
    ::munmap(mapped, kBytes);
    return static_cast<double>(std::ranges::count_if(pages, [](auto page) { return page & 1; })) /
           static_cast<double>(pages.size());
  }

  // As the log does: from memory, or else from the device.
  void read_piece(std::size_t i) {
    std::vector<std::byte> into(kPiece);
    auto size = file_->read_cached_at(i * kPiece, into);
    if (!size) size = file_->read_at(i * kPiece, into);
    ASSERT_TRUE(size) << size.error().message;
    into.resize(*size);
    EXPECT_EQ(into, std::vector<std::byte>(*size, std::byte(i + 1)));
  }

  std::unique_ptr<runtime::File> file_;
};

TEST_F(ColdFileTest, WhatOneReaderTakesInOrderDoesNotStayInMemory) {
  for (std::size_t i = 0; i < kPieces; ++i) read_piece(i);
  EXPECT_LT(share_in_memory(), 0.5);
}

TEST_F(ColdFileTest, WhatTwoReadersTakeInTurnStays) {
  for (std::size_t i = 0; i < kPieces / 2; ++i) {
    read_piece(i);
    read_piece(kPieces / 2 + i);
  }
  EXPECT_GT(share_in_memory(), 0.9);
}

TEST_F(ColdFileTest, WhatIsInMemoryStaysWhenItIsReadInOrder) {
  for (std::size_t i = kPieces / 2; i < kPieces; ++i)
    ASSERT_TRUE(file_->write_at(i * kPiece, std::vector<std::byte>(kPiece, std::byte(i + 1))));
  for (std::size_t i = 0; i < kPieces; ++i) read_piece(i);
  EXPECT_GT(share_in_memory(), 0.45);
}

TEST_F(DiskTest, FoldersAndNames) {
  ASSERT_TRUE(disk_.create_directories(path("a/b/c")));
  ASSERT_TRUE(disk_.create_directories(path("a/b/c")));
  create("a/z")->write_at(0, as_bytes("12345")).value();
  create("a/y");
  const auto entries = disk_.list(path("a"));
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_EQ(entries->at(0).name, "b");
  EXPECT_TRUE(entries->at(0).is_directory);
  EXPECT_EQ(entries->at(1).name, "y");
  EXPECT_EQ(entries->at(2).size_bytes, 5u);

  ASSERT_TRUE(disk_.rename(path("a/z"), path("a/y")));
  EXPECT_EQ(disk_.exists(path("a/z")), false);
  EXPECT_EQ(disk_.exists(path("a/y")), true);
  EXPECT_EQ((*disk_.open(path("a/y"), OpenMode::read))->size(), 5u);
  ASSERT_TRUE(disk_.sync_directory(path("a")));

  expect_error(disk_.list(path("none")), Errc::not_found, path("none"));
  expect_error(disk_.create_directories(path("a/y")), Errc::already_exists, path("a/y"));
  expect_error(disk_.rename(path("none"), path("x")), Errc::not_found, path("none"));
  expect_error(disk_.remove_file(path("none")), Errc::not_found, path("none"));
  expect_error(disk_.remove_directory(path("none")), Errc::not_found, path("none"));
  expect_error(disk_.sync_directory(path("none")), Errc::not_found, path("none"));
  expect_error(disk_.remove_directory(path("a")), Errc::io, path("a"));
  EXPECT_TRUE(disk_.remove_directory(path("a/b/c")));
}

TEST_F(DiskTest, ADanglingLinkIsListed) {
  ASSERT_EQ(::symlink("nowhere", path("link").c_str()), 0);
  const auto entries = disk_.list(folder_);
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 1u);
  EXPECT_EQ(entries->at(0).name, "link");
}

TEST_F(DiskTest, ALockHasOneOwnerWhosePidItNames) {
  auto lock = disk_.lock(path(".lock"));
  ASSERT_TRUE(lock);
  const auto second = disk_.lock(path(".lock"));
  expect_error(second, Errc::locked, path(".lock"));
  EXPECT_NE(second.error().message.find("pid " + std::to_string(::getpid())), std::string::npos);
  lock->reset();
  EXPECT_TRUE(disk_.lock(path(".lock")));
  expect_error(disk_.lock(path("none/.lock")), Errc::not_found, path("none/.lock"));
}

TEST_F(DiskTest, ALockOfAKilledProcessIsFree) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = disk_.lock(path(".lock"));
    ::raise(SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(disk_.lock(path(".lock")));
}

TEST_F(DiskTest, SpaceOfTheFileSystem) {
  const auto space = disk_.space(folder_);
  ASSERT_TRUE(space);
  EXPECT_GT(space->total_bytes, 0u);
  EXPECT_LE(space->available_bytes, space->total_bytes);
  expect_error(disk_.space(path("none")), Errc::not_found, path("none"));
}

// A limit on the size of files makes the kernel write less than it was asked to, then fail.
TEST_F(DiskTest, AShortWriteIsContinuedAndItsErrorReported) {
  auto file = create("limited");
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit limit{10'000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  const std::vector<std::byte> contents(16'384, std::byte{1});
  const Status written = file->write_at(0, contents);
  const auto allocated = file->allocate(0, 16'384);
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  expect_error(written, Errc::io, path("limited"));
  EXPECT_FALSE(allocated);
  EXPECT_EQ(file->size(), 10'000u);
}

TEST_F(DiskTest, AFullDeviceIsNoSpace) {
  const std::string full = path("full");
  ASSERT_TRUE(disk_.create_directories(full));
  if (::mount("tmpfs", full.c_str(), "tmpfs", 0, "size=64k") != 0) GTEST_SKIP() << "may not mount";
  {
    auto file = create("full/file");
    const std::vector<std::byte> contents(1 << 20);
    expect_error(file->write_at(0, contents), Errc::no_space, full + "/file");
    expect_error(file->allocate(0, 1 << 20), Errc::no_space, full + "/file");
    EXPECT_GT(*file->size(), 0u);
    EXPECT_EQ(disk_.space(full)->total_bytes, 65'536u);
    expect_error(disk_.rename(full + "/file", path("elsewhere")), Errc::io, full + "/file");
  }
  EXPECT_EQ(::umount(full.c_str()), 0);
}

// The sanitizer's check of virtual calls needs descriptors of its own, so it does not look here.
__attribute__((no_sanitize("undefined"))) auto without_descriptors(PosixDisk& disk, const std::string& file,
                                                                   const std::string& folder) {
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit limit{3, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &limit);
  auto results = std::pair(disk.open(file, OpenMode::create), disk.list(folder));
  ::setrlimit(RLIMIT_NOFILE, &before);
  return results;
}

TEST_F(DiskTest, NoDescriptorsLeft) {
  const auto [file, entries] = without_descriptors(disk_, path("a"), folder_);
  expect_error(file, Errc::no_descriptors, path("a"));
  expect_error(entries, Errc::no_descriptors, folder_);
}

TEST_F(DiskTest, PermissionDenied) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  create("secret");
  ASSERT_EQ(::chmod(path("secret").c_str(), 0600), 0);
  ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  ASSERT_EQ(::seteuid(65'534), 0);
  const auto file = disk_.open(path("secret"), OpenMode::read);
  const auto created = disk_.open(path("new"), OpenMode::create);
  ASSERT_EQ(::seteuid(0), 0);
  expect_error(file, Errc::permission, path("secret"));
  expect_error(created, Errc::permission, path("new"));
}

}  // namespace
}  // namespace moldau::platform
