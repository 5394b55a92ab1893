#include "simulation/disk_file.h"

#include <algorithm>
#include <cerrno>

namespace moldau::simulation {
namespace {

std::unexpected<Error> dead(const std::string& path) {
  return fail(Errc::io, path + ": the process that opened this disk has died; a restart has a new one");
}

std::uint64_t total(std::span<const ByteView> parts) {
  std::uint64_t bytes = 0;
  for (const ByteView& part : parts) bytes += part.size();
  return bytes;
}

}  // namespace

OpenFile::OpenFile(SessionRef session, NodeRef node, std::string path, bool writable)
    : session_(std::move(session)),
      drive_(session_->drive),
      node_(std::move(node)),
      path_(std::move(path)),
      writable_(writable) {
  ++session_->descriptors->used;
}

OpenFile::~OpenFile() { --session_->descriptors->used; }

Status OpenFile::check(bool writing) const {
  if (!session_->alive) return dead(path_);
  MOLDAU_ASSERT(!writing || writable_, "the file was opened for reading");
  return {};
}

Result<std::size_t> OpenFile::read_at(std::uint64_t offset, MutableBytes into) {
  TRY(check(false));
  if (drive_.roll(drive_.options_.faults.read_error) || node_->body.damaged(offset, into.size())) {
    drive_.counters_.fire(Fault::read_error);
    return fail(error_from_errno(EIO, "read " + path_));
  }
  return node_->body.read(offset, into);
}

Result<std::size_t> OpenFile::read_cached_at(std::uint64_t offset, MutableBytes into) {
  TRY(check(false));
  if (drive_.roll(drive_.options_.faults.cache_miss) || node_->body.damaged(offset, into.size())) {
    drive_.counters_.fire(Fault::cache_miss);
    return fail(Errc::would_block, path_ + ": not in memory");
  }
  const std::size_t read = node_->body.read(offset, into);
  if (read < 2 || !drive_.roll(drive_.options_.faults.short_cached_read)) return read;
  drive_.counters_.fire(Fault::short_cached_read);
  return 1 + drive_.random_.below(read - 1);
}

void OpenFile::put(std::uint64_t offset, std::span<const ByteView> parts, std::uint64_t limit) {
  const std::uint64_t before = node_->body.size();
  for (const ByteView& part : parts) {
    const std::size_t length = std::min<std::uint64_t>(part.size(), limit);
    node_->body.write(offset, part.first(length), drive_.random_);
    offset += length;
    limit -= length;
  }
  drive_.tree_.resized(*node_, before);
}

// How many bytes of a write that ends at `end` do not fit.
std::uint64_t OpenFile::room_beyond(std::uint64_t end) const {
  const std::uint64_t size = node_->body.size();
  const std::uint64_t growth = end > size ? end - size : 0;
  const std::uint64_t capacity = drive_.options_.capacity_bytes;
  const std::uint64_t available = capacity - std::min(capacity, drive_.used_bytes());
  return growth > available ? growth - available : 0;
}

Status OpenFile::write_at(std::uint64_t offset, std::span<const ByteView> parts) {
  TRY(check(true));
  const std::uint64_t bytes = total(parts);
  drive_.tell("write", path_, offset, bytes);
  if (drive_.crashes_here()) {
    put(offset, parts, bytes);
    return fail(drive_.lose_power());
  }
  if (drive_.take(drive_.next_write_error_, path_) || drive_.roll(drive_.options_.faults.write_error)) {
    drive_.counters_.fire(Fault::write_error);
    put(offset, parts, drive_.random_.below(bytes + 1));
    return fail(error_from_errno(EIO, "write " + path_));
  }
  const bool full = drive_.roll(drive_.options_.faults.no_space);
  if (const std::uint64_t missing = room_beyond(offset + bytes); full || missing > 0) {
    drive_.counters_.fire(Fault::no_space);
    put(offset, parts, full ? drive_.random_.below(bytes + 1) : bytes - std::min(bytes, missing));
    return fail(error_from_errno(ENOSPC, "write " + path_));
  }
  if (drive_.take(drive_.next_misdirected_, path_) || drive_.roll(drive_.options_.faults.misdirected_write)) {
    drive_.counters_.fire(Fault::misdirected_write);
    offset = drive_.random_.below(node_->body.size() / FileBody::kSector + 1) * FileBody::kSector;
  }
  put(offset, parts, bytes);
  return {};
}

Status OpenFile::sync_data() {
  TRY(check(false));
  drive_.tell("sync", path_, 0, node_->body.size());
  if (drive_.crashes_here()) return fail(drive_.lose_power());
  if (drive_.take(drive_.next_sync_error_, path_) || drive_.roll(drive_.options_.faults.sync_error)) {
    drive_.counters_.fire(Fault::sync_error);
    node_->body.fail_sync(drive_.random_);
    return fail(error_from_errno(EIO, "sync " + path_));
  }
  node_->body.sync();
  return {};
}

Status OpenFile::truncate(std::uint64_t size) {
  TRY(check(true));
  const bool crash = drive_.crashes_here();
  const std::uint64_t before = node_->body.size();
  drive_.tell("truncate", path_, size, before);
  node_->body.truncate(size);
  drive_.tree_.resized(*node_, before);
  if (crash) return fail(drive_.lose_power());
  return {};
}

Status OpenFile::allocate(std::uint64_t offset, std::uint64_t length) {
  TRY(check(true));
  drive_.tell("allocate", path_, offset, length);
  const bool crash = drive_.crashes_here();
  if (!crash && (room_beyond(offset + length) > 0 || drive_.roll(drive_.options_.faults.no_space))) {
    drive_.counters_.fire(Fault::no_space);
    return fail(error_from_errno(ENOSPC, "allocate " + path_));
  }
  const std::uint64_t before = node_->body.size();
  node_->body.grow(offset + length);
  drive_.tree_.resized(*node_, before);
  if (crash) return fail(drive_.lose_power());
  return {};
}

Result<std::uint64_t> OpenFile::size() const {
  TRY(check(false));
  return node_->body.size();
}

void OpenFile::forget(std::uint64_t, std::uint64_t) {
  if (session_->alive) node_->body.evict();
}

HeldLock::HeldLock(SessionRef session, NodeRef node) : session_(std::move(session)), node_(std::move(node)) {
  ++session_->descriptors->used;
  session_->drive.locked_.push_back(node_.get());
}

HeldLock::~HeldLock() {
  --session_->descriptors->used;
  if (session_->alive) std::erase(session_->drive.locked_, node_.get());
}

// A failed one has reached the device in part: some names, some files whole, some with pages dropped.
Status DriveFileSystem::sync() {
  Drive& drive = session_->drive;
  if (!session_->alive) return dead(path_);
  drive.tell("sync file system", path_);
  if (drive.crashes_here()) return fail(drive.lose_power());
  if (drive.take(drive.next_sync_error_, path_) || drive.roll(drive.options_.faults.sync_error)) {
    drive.counters_.fire(Fault::sync_error);
    drive.tree_.fail_sync(drive.random_);
    return fail(error_from_errno(EIO, "sync the file system of " + path_));
  }
  drive.tree_.sync_all();
  return {};
}

Status ProcessDisk::check(const std::string& path) const {
  MOLDAU_ASSERT(path.starts_with('/'), "paths are absolute");
  if (!session_->alive) return dead(path);
  return {};
}

template <class Change>
Status ProcessDisk::change(Change&& change) {
  const bool crash = drive_.crashes_here();
  change();
  if (crash) return fail(drive_.lose_power());
  return {};
}

Result<NodeRef> ProcessDisk::create_file(const DiskTree::Spot& spot) {
  NodeRef node;
  TRY(change([&] { node = drive_.tree_.create(spot, false); }));
  return node;
}

Result<NodeRef> ProcessDisk::directory(const std::string& path) const {
  NodeRef node = drive_.tree_.find(path);
  if (!node) return fail(error_from_errno(ENOENT, path));
  if (!node->is_directory) return fail(error_from_errno(ENOTDIR, path));
  return node;
}

Result<std::unique_ptr<runtime::File>> ProcessDisk::open(const std::string& path, runtime::OpenMode mode) {
  TRY(check(path));
  if (!session_->descriptors->available() || drive_.refuses_open(path) ||
      drive_.roll(drive_.options_.faults.open_no_descriptors)) {
    drive_.counters_.fire(Fault::open_no_descriptors);
    return fail(error_from_errno(EMFILE, "open " + path));
  }
  ASSIGN_OR_RETURN(const DiskTree::Spot spot, drive_.tree_.spot(path));
  NodeRef node = drive_.tree_.find(path);
  if (node && node->is_directory) return fail(error_from_errno(EISDIR, "open " + path));
  if (node && mode == runtime::OpenMode::create_new) return fail(error_from_errno(EEXIST, "open " + path));
  drive_.tell(node ? "open" : "open (not there)", path, 0, node ? node->body.size() : 0);
  if (!node) {
    if (mode == runtime::OpenMode::read || mode == runtime::OpenMode::read_write) {
      return fail(error_from_errno(ENOENT, "open " + path));
    }
    ASSIGN_OR_RETURN(node, create_file(spot));
  }
  return std::make_unique<OpenFile>(session_, std::move(node), path, mode != runtime::OpenMode::read);
}

Result<bool> ProcessDisk::exists(const std::string& path) {
  TRY(check(path));
  return drive_.tree_.find(path) != nullptr;
}

Result<std::vector<runtime::DirectoryEntry>> ProcessDisk::list(const std::string& path) {
  TRY(check(path));
  ASSIGN_OR_RETURN(const NodeRef folder, directory(path));
  std::vector<runtime::DirectoryEntry> entries;
  for (const auto& [name, node] : folder->names) {
    entries.push_back({name, node->is_directory, node->is_directory ? 0 : node->body.size()});
  }
  return entries;
}

Status ProcessDisk::create_directories(const std::string& path) {
  TRY(check(path));
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string prefix = path.substr(0, end);
    const NodeRef node = drive_.tree_.find(prefix);
    if (node && !node->is_directory) return fail(error_from_errno(ENOTDIR, prefix));
    if (!node) {
      ASSIGN_OR_RETURN(const DiskTree::Spot spot, drive_.tree_.spot(prefix));
      TRY(change([&] { drive_.tree_.create(spot, true); }));
    }
    if (end == std::string::npos) return {};
  }
}

Status ProcessDisk::rename(const std::string& from, const std::string& to) {
  TRY(check(from));
  const NodeRef node = drive_.tree_.find(from);
  if (!node) return fail(error_from_errno(ENOENT, "rename " + from));
  ASSIGN_OR_RETURN(const DiskTree::Spot source, drive_.tree_.spot(from));
  ASSIGN_OR_RETURN(const DiskTree::Spot target, drive_.tree_.spot(to));
  if (const NodeRef replaced = drive_.tree_.find(to); replaced && replaced != node) {
    if (replaced->is_directory && !node->is_directory)
      return fail(error_from_errno(EISDIR, "rename to " + to));
    if (!replaced->is_directory && node->is_directory)
      return fail(error_from_errno(ENOTDIR, "rename to " + to));
    if (!replaced->names.empty()) return fail(error_from_errno(ENOTEMPTY, "rename to " + to));
  }
  drive_.tell("rename to " + to, from);
  return change([&] { drive_.tree_.rename(source, target); });
}

Status ProcessDisk::remove_file(const std::string& path) {
  TRY(check(path));
  const NodeRef node = drive_.tree_.find(path);
  if (!node) return fail(error_from_errno(ENOENT, "remove " + path));
  if (node->is_directory) return fail(error_from_errno(EISDIR, "remove " + path));
  ASSIGN_OR_RETURN(const DiskTree::Spot spot, drive_.tree_.spot(path));
  drive_.tell("remove", path);
  return change([&] { drive_.tree_.remove(spot); });
}

Status ProcessDisk::remove_directory(const std::string& path) {
  TRY(check(path));
  ASSIGN_OR_RETURN(const NodeRef folder, directory(path));
  if (!folder->names.empty()) return fail(error_from_errno(ENOTEMPTY, "remove " + path));
  ASSIGN_OR_RETURN(const DiskTree::Spot spot, drive_.tree_.spot(path));
  drive_.tell("remove", path);
  return change([&] { drive_.tree_.remove(spot); });
}

Status ProcessDisk::sync_directory(const std::string& path) {
  TRY(check(path));
  ASSIGN_OR_RETURN(const NodeRef folder, directory(path));
  drive_.tell("sync folder", path);
  if (drive_.crashes_here()) return fail(drive_.lose_power());
  if (drive_.take(drive_.next_sync_error_, path) || drive_.roll(drive_.options_.faults.sync_error)) {
    drive_.counters_.fire(Fault::sync_error);
    return fail(error_from_errno(EIO, "sync " + path));
  }
  drive_.tree_.sync(folder);
  return {};
}

Result<std::unique_ptr<runtime::FileLock>> ProcessDisk::lock(const std::string& path) {
  TRY(check(path));
  ASSIGN_OR_RETURN(const DiskTree::Spot spot, drive_.tree_.spot(path));
  NodeRef node = drive_.tree_.find(path);
  if (!node) {
    ASSIGN_OR_RETURN(node, create_file(spot));
  }
  if (std::ranges::count(drive_.locked_, node.get()) > 0) return fail(Errc::locked, path + " is locked");
  return std::make_unique<HeldLock>(session_, std::move(node));
}

Result<std::unique_ptr<runtime::FileSystem>> ProcessDisk::open_file_system(const std::string& directory) {
  TRY(check(directory));
  return std::make_unique<DriveFileSystem>(session_, directory + " (file system)");
}

Result<runtime::DiskSpace> ProcessDisk::space(const std::string& path) {
  TRY(check(path));
  const std::uint64_t capacity = drive_.options_.capacity_bytes;
  return runtime::DiskSpace{capacity, capacity - std::min(capacity, drive_.used_bytes())};
}

}  // namespace moldau::simulation
