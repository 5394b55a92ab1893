#include "simulation/faults.h"

#include "base/assert.h"

namespace moldau::simulation {

std::string_view name_of(Fault fault) {
  switch (fault) {
    case Fault::write_error:
      return "write_error";
    case Fault::sync_error:
      return "sync_error";
    case Fault::read_error:
      return "read_error";
    case Fault::no_space:
      return "no_space";
    case Fault::slow_io:
      return "slow_io";
    case Fault::cache_miss:
      return "cache_miss";
    case Fault::short_cached_read:
      return "short_cached_read";
    case Fault::open_no_descriptors:
      return "open_no_descriptors";
    case Fault::bit_flip:
      return "bit_flip";
    case Fault::bad_sector:
      return "bad_sector";
    case Fault::misdirected_write:
      return "misdirected_write";
    case Fault::power_loss:
      return "power_loss";
    case Fault::lost_sector:
      return "lost_sector";
    case Fault::kept_sector:
      return "kept_sector";
    case Fault::torn_sector:
      return "torn_sector";
    case Fault::lost_name:
      return "lost_name";
    case Fault::kept_name:
      return "kept_name";
    case Fault::stale_disk:
      return "stale_disk";
    case Fault::wiped_disk:
      return "wiped_disk";
    case Fault::kill:
      return "kill";
    case Fault::pause:
      return "pause";
    case Fault::restart:
      return "restart";
    case Fault::wall_clock_step:
      return "wall_clock_step";
    case Fault::clock_drift:
      return "clock_drift";
    case Fault::wall_clock_stuck:
      return "wall_clock_stuck";
    case Fault::delay:
      return "delay";
    case Fault::loss:
      return "loss";
    case Fault::reset:
      return "reset";
    case Fault::cut:
      return "cut";
    case Fault::held_by_cut:
      return "held_by_cut";
    case Fault::refused_connect:
      return "refused_connect";
    case Fault::accept_no_descriptors:
      return "accept_no_descriptors";
    case Fault::short_read:
      return "short_read";
    case Fault::split_segment:
      return "split_segment";
    case Fault::power_loss_in_stop:
      return "power_loss_in_stop";
    case Fault::acks_zero:
      return "acks_zero";
    case Fault::wide_produce:
      return "wide_produce";
    case Fault::clean_stop:
      return "clean_stop";
    case Fault::restart_storm:
      return "restart_storm";
    case Fault::isolated_node:
      return "isolated_node";
    case Fault::split_cluster:
      return "split_cluster";
    case Fault::slow_link:
      return "slow_link";
    case Fault::clogged_link:
      return "clogged_link";
    case Fault::ring_cut:
      return "ring_cut";
    case Fault::slow_cpu:
      return "slow_cpu";
    case Fault::replayed_request:
      return "replayed_request";
    case Fault::slow_reader:
      return "slow_reader";
    case Fault::count_:
      break;
  }
  MOLDAU_UNREACHABLE("no such fault");
}

void FaultCounters::add(const FaultCounters& other) {
  for (std::size_t i = 0; i < kFaultKinds; ++i) counts_[i] += other.counts_[i];
}

std::size_t FaultCounters::kinds_fired() const {
  std::size_t kinds = 0;
  for (const std::uint64_t count : counts_) kinds += count > 0;
  return kinds;
}

std::uint64_t FaultCounters::total() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts_) sum += count;
  return sum;
}

std::string FaultCounters::to_string() const {
  std::string text;
  for (std::size_t i = 0; i < kFaultKinds; ++i) {
    if (counts_[i] == 0) continue;
    const std::string_view name = name_of(static_cast<Fault>(i));
    text.append("  ").append(name).append(24 - name.size(), ' ').append(std::to_string(counts_[i])) += '\n';
  }
  return text;
}

}  // namespace moldau::simulation
