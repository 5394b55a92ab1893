// The files of a broker that was stopped in order, read without the broker's code and held against the model
// (I-S1): whole batches with right checksums, offsets without gaps over all segments, every record as it was
// acknowledged, every index entry at a batch.
#pragma once

#include <string>

#include "simulation/auditor.h"
#include "simulation/disk.h"

namespace moldau::simulation {

// REQUIRES: everything was read back before (Auditor::on_read_back).
void check_log_files(const Drive& drive, const std::string& data_folder, Auditor& auditor);

// A segment to which nothing is appended any more.
struct ClosedSegment {
  TopicIdPartition key;
  std::string path;
};
std::vector<ClosedSegment> closed_segments(const Drive& drive, const std::string& data_folder);

}  // namespace moldau::simulation
