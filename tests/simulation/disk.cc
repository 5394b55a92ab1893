#include "simulation/disk.h"

#include "simulation/disk_file.h"

namespace moldau::simulation {

Drive::Drive(std::uint64_t seed, const DiskOptions& options, FaultCounters& counters)
    : options_(options), counters_(counters), random_(seed) {}

Drive::~Drive() { detach(); }

std::unique_ptr<runtime::Disk> Drive::attach(std::shared_ptr<Descriptors> descriptors) {
  MOLDAU_ASSERT(!session_, "the process before must have died");
  session_ = std::make_shared<DriveSession>(*this, std::move(descriptors));
  return std::make_unique<ProcessDisk>(session_);
}

void Drive::detach() {
  if (!session_) return;
  session_->alive = false;
  session_.reset();
  locked_.clear();
  crash_at_ = 0;
  if (random_.one_in(2)) tree_.evict_all();
}

void Drive::power_loss() {
  counters_.fire(Fault::power_loss);
  detach();
  tree_.power_loss(random_, options_.power_loss, counters_);
}

bool Drive::crashes_here() { return ++operations_ == crash_at_; }

Error Drive::lose_power() {
  power_loss();
  if (on_power_loss_) on_power_loss_();
  return {Errc::io, "power was lost"};
}

bool Drive::take(std::optional<std::string>& armed, const std::string& path) {
  if (!armed || path.find(*armed) == std::string::npos) return false;
  armed.reset();
  return true;
}

bool Drive::refuses_open(const std::string& path) {
  if (refusals_left_ == 0 || path.find(refused_opens_) == std::string::npos) return false;
  --refusals_left_;
  return true;
}

void Drive::disarm() {
  refusals_left_ = 0;
  next_write_error_.reset();
  next_sync_error_.reset();
  next_misdirected_.reset();
}

void Drive::fail_reads(const std::string& path, std::uint64_t offset, std::uint64_t length) {
  const NodeRef node = tree_.find(path);
  MOLDAU_ASSERT(node && !node->is_directory, "no such file to damage");
  counters_.fire(Fault::bad_sector);
  node->body.damage(offset, length);
}

void Drive::flip_bit(const std::string& path, std::uint64_t offset, unsigned bit) {
  const NodeRef node = tree_.find(path);
  MOLDAU_ASSERT(node && !node->is_directory, "no such file to damage");
  counters_.fire(Fault::bit_flip);
  node->body.flip_bit(offset, bit);
}

std::uint64_t Drive::flip_random_bit(const std::string& path, std::uint64_t offset, std::uint64_t length) {
  const std::uint64_t at = offset + random_.below(length);
  flip_bit(path, at, static_cast<unsigned>(random_.below(8)));
  return at;
}

void Drive::copy_from(const DiskTree& image) {
  MOLDAU_ASSERT(!session_, "a disk is exchanged while no process runs");
  counters_.fire(Fault::stale_disk);
  tree_ = image.copy();
}

void Drive::wipe() {
  MOLDAU_ASSERT(!session_, "a disk is wiped while no process runs");
  counters_.fire(Fault::wiped_disk);
  tree_ = DiskTree();
}

std::vector<std::string> Drive::files() const { return tree_.files(); }

std::optional<std::vector<std::byte>> Drive::contents(const std::string& path) const {
  const NodeRef node = tree_.find(path);
  if (!node || node->is_directory) return std::nullopt;
  return node->body.contents();
}

std::optional<std::vector<std::byte>> Drive::durable_contents(const std::string& path) const {
  const NodeRef node = tree_.find_durable(path);
  if (!node || node->is_directory) return std::nullopt;
  return node->body.durable_contents();
}

void Drive::sync_all() { tree_.sync_all(); }

}  // namespace moldau::simulation
