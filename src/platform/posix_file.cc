#include "platform/posix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "platform/gather.h"

namespace moldau::platform {

namespace {

// Larger calls get page cache in pieces of 2 MiB, which a virtual machine has often given back to its host:
// measured 0.2 GB per CPU second in calls of 4 MiB, 4 in calls of 256 KiB.
constexpr std::size_t kMaxWriteBytes = 256 << 10;

constexpr std::size_t kLongRead = 64 << 10;
constexpr int kDontCache = 0x80;  // RWF_DONTCACHE: Linux 6.14

// Cleared by the first file system, or kernel, that knows no such reads.
std::atomic<bool> dont_cache_is_known = true;

}  // namespace

std::unexpected<Error> PosixFile::failed(std::string_view call) const {
  const int error = errno;
  return fail(error_from_errno(error, std::string(call) + " " + path_));
}

// The flag of a read. What is in memory anyway stays there with it, too.
int PosixFile::cache_flag(std::uint64_t offset, std::size_t length) {
  if (length < kLongRead || !dont_cache_is_known) return 0;
  const bool again = offset == last_begin_;  // it was looked for in memory
  const bool in_order = again ? last_flag_ != 0 : offset > last_begin_ && offset <= last_end_;
  last_begin_ = offset;
  last_end_ = offset + length;
  last_flag_ = in_order ? kDontCache : 0;
  return last_flag_;
}

ssize_t PosixFile::read_some(std::uint64_t offset, MutableBytes into, int flags) {
  const iovec part{into.data(), into.size()};
  const auto read = [&] { return ::preadv2(file_.get(), &part, 1, static_cast<off_t>(offset), flags); };
  const ssize_t size = retrying(read);
  if (size >= 0 || errno != EOPNOTSUPP || (flags & kDontCache) == 0) return size;
  dont_cache_is_known = false;
  flags &= ~kDontCache;
  return retrying(read);
}

Result<std::size_t> PosixFile::read_at(std::uint64_t offset, MutableBytes into) {
  const int flags = cache_flag(offset, into.size());
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t read = read_some(offset + done, into.subspan(done), flags);
    if (read < 0) return failed("read");
    if (read == 0) break;
    done += static_cast<std::size_t>(read);
  }
  return done;
}

Result<std::size_t> PosixFile::read_cached_at(std::uint64_t offset, MutableBytes into) {
  const ssize_t read = read_some(offset, into, RWF_NOWAIT | cache_flag(offset, into.size()));
  if (read >= 0) return static_cast<std::size_t>(read);
  // A file system that cannot tell what is in memory is read on the pool.
  if (errno == EOPNOTSUPP) errno = EAGAIN;
  return failed("read");
}

Status PosixFile::write_at(std::uint64_t offset, std::span<const ByteView> parts) {
  Gather<ByteView> rest(parts);
  while (!rest.done()) {
    Gather<ByteView>::Batch batch;
    const int count = static_cast<int>(rest.fill(batch, kMaxWriteBytes));
    const ssize_t written =
        retrying([&] { return ::pwritev(file_.get(), batch.data(), count, static_cast<off_t>(offset)); });
    if (written < 0) return failed("write");
    offset += static_cast<std::uint64_t>(written);
    rest.advance(static_cast<std::size_t>(written));
  }
  return {};
}

Status PosixFile::sync_data() {
  // Not repeated after EINTR: a failed sync may have dropped what it should have written.
  if (::fdatasync(file_.get()) != 0) return failed("sync");
  return {};
}

Status PosixFile::truncate(std::uint64_t size) {
  if (retrying([&] { return ::ftruncate(file_.get(), static_cast<off_t>(size)); }) != 0)
    return failed("truncate");
  return {};
}

Status PosixFile::allocate(std::uint64_t offset, std::uint64_t length) {
  const auto from = static_cast<off_t>(offset);
  const auto bytes = static_cast<off_t>(length);
  if (retrying([&] { return ::fallocate(file_.get(), 0, from, bytes); }) == 0) return {};
  if (errno != EOPNOTSUPP) return failed("allocate");
  errno = ::posix_fallocate(file_.get(), from, bytes);  // writes into every block
  if (errno != 0) return failed("allocate");
  return {};
}

Result<std::uint64_t> PosixFile::size() const {
  struct stat status{};
  if (::fstat(file_.get(), &status) != 0) return failed("stat");
  return static_cast<std::uint64_t>(status.st_size);
}

void PosixFile::forget(std::uint64_t offset, std::uint64_t length) {
  ::posix_fadvise(file_.get(), static_cast<off_t>(offset), static_cast<off_t>(length), POSIX_FADV_DONTNEED);
}

}  // namespace moldau::platform
