// Parked entries: what a commit log holds for a partition whose files cannot be opened, in a file of its own
// beside the commit log, so that the ring's space does not wait for a person. One file for each partition,
// written as a unit, read at every start before the ring; gone once the partition has taken the entries or is
// deleted. Every call blocks. File format: commit_log_format.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "runtime/disk.h"
#include "storage/commit_log.h"

namespace moldau::storage {

struct ParkedEntries {
  struct One {
    CommitLog::Entry entry;
    Slice batches;  // keeps entry.batches alive
  };

  // Of the commit log that they come from, and how far: its entries of this partition that end at or below
  // `up_to` are here, and must not be applied a second time.
  std::uint64_t file_id = 0;
  CommitLog::Position up_to = 0;
  std::vector<One> entries;  // oldest first
};

struct ParkedFile {
  std::string name;
  TopicIdPartition partition;
};

// "<commit log>.parked.<topic id>-<partition>".
std::string parked_file_name(std::string_view commit_log, const TopicIdPartition& partition);
// The files of this commit log in the folder. Those that an interrupted write left behind are removed.
Result<std::vector<ParkedFile>> find_parked(runtime::Disk& disk, const std::string& data_folder,
                                            std::string_view commit_log);

// How many bytes write_parked() would write.
std::uint64_t parked_size(const ParkedEntries& parked);
// Durable when it returns, under its name too.
Status write_parked(runtime::Disk& disk, const std::string& path, const ParkedEntries& parked);
// Errc::corrupt, naming the file, when it is not whole or holds entries of another partition.
Result<ParkedEntries> read_parked(runtime::Disk& disk, const std::string& path,
                                  const TopicIdPartition& partition);

}  // namespace moldau::storage
