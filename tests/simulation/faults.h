// The kinds of faults that the simulation can inject, and how often each one really happened. A fault that
// was armed but never fired counts for nothing.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace moldau::simulation {

enum class Fault : std::uint8_t {
  // disk
  write_error,          // EIO; a prefix of the bytes may be there
  sync_error,           // EIO once; the dirty pages are dropped and the next sync succeeds
  read_error,           // EIO, by rate or from a latent bad sector
  no_space,             // ENOSPC by quota or by rate; a prefix of the bytes may be there
  slow_io,              // pool work that takes far longer than usual
  cache_miss,           // read_cached_at answers would_block
  short_cached_read,    // read_cached_at gives fewer bytes than are there
  open_no_descriptors,  // EMFILE or ENFILE
  bit_flip,
  bad_sector,         // planted in a closed segment; read_error counts the reads that met it
  misdirected_write,  // the bytes went to another offset of the same file
  power_loss,
  lost_sector,  // an unsynced sector that power loss reverted
  kept_sector,  // an unsynced sector that power loss kept
  torn_sector,
  lost_name,  // an unsynced create, rename or remove that power loss undid
  kept_name,
  stale_disk,  // a machine was started from an old copy of its disk
  wiped_disk,
  // process and time
  kill,
  pause,
  restart,
  wall_clock_step,
  clock_drift,
  wall_clock_stuck,
  // network
  delay,        // a segment took much longer than usual
  loss,         // a segment was lost and sent again later
  reset,        // a connection was reset, at any byte
  cut,          // a link (one direction) was cut
  held_by_cut,  // a segment met a cut link
  refused_connect,
  accept_no_descriptors,
  short_read,     // a read got fewer bytes than had arrived
  split_segment,  // one write arrived in several pieces
  // what clients and machines are made to do, counted as the faults are
  power_loss_in_stop,  // power was lost within a stop in order
  acks_zero,           // records that nobody acknowledges
  wide_produce,        // one request for several partitions
  clean_stop,
  restart_storm,  // a node is killed several times in a row while it starts
  isolated_node,  // one machine is cut off from all others
  split_cluster,  // the nodes are cut into two groups
  slow_link,      // one direction takes much longer
  clogged_link,   // one direction passes few bytes in a second
  ring_cut,       // nodes reach only those beside them
  slow_cpu,       // a machine that runs a part of the time
  replayed_request,
  slow_reader,  // a client that lets answers lie
  count_        // how many kinds there are
};

inline constexpr std::size_t kFaultKinds = static_cast<std::size_t>(Fault::count_);

std::string_view name_of(Fault fault);

class FaultCounters {
 public:
  void fire(Fault fault) { ++counts_[static_cast<std::size_t>(fault)]; }
  std::uint64_t operator[](Fault fault) const { return counts_[static_cast<std::size_t>(fault)]; }
  void add(const FaultCounters& other);
  std::size_t kinds_fired() const;
  std::uint64_t total() const;
  // One line per kind that fired: name and count.
  std::string to_string() const;

 private:
  std::array<std::uint64_t, kFaultKinds> counts_{};
};

}  // namespace moldau::simulation
