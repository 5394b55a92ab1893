// Files of a partition's folder printed in the form of Kafka's dump tool. Reads files that Kafka wrote, too;
// nothing in them is believed before it was checked. Blocks: run it on a pool.
#pragma once

#include "cli/deserializer.h"
#include "cli/printer.h"
#include "runtime/disk.h"

namespace moldau::cli {

struct DumpOptions {
  bool records = false;            // --print-data-log, --deep-iteration
  bool contents = false;           // keys and values of records
  bool metadata = true;            // of records: offsets, times, sizes
  bool sanity_check_only = false;  // --index-sanity-check
  bool verify_only = false;        // --verify-index-only
  bool cluster_metadata = false;   // values are records of our metadata log
  std::int64_t max_bytes = INT64_MAX;
  Deserialize key = deserialize_string;
  Deserialize value = deserialize_string;
};

// False: the file is damaged, which was printed. An error: it cannot be read, or is no file of a log.
Result<bool> dump_file(runtime::Disk& disk, const std::string& path, const DumpOptions& options,
                       Printer& out);

// The parts, by kind of file.
Result<bool> dump_segment(runtime::File& file, const DumpOptions& options, Printer& out);
Result<bool> dump_offset_index(runtime::Disk& disk, const std::string& path, const DumpOptions& options,
                               Printer& out);
Result<bool> dump_time_index(runtime::Disk& disk, const std::string& path, const DumpOptions& options,
                             Printer& out);
Result<bool> dump_transaction_index(runtime::Disk& disk, const std::string& path, Printer& out);
Result<bool> dump_producer_snapshot(runtime::Disk& disk, const std::string& path, Printer& out);

// The number that the file's name is: a segment's base offset. Errc::invalid_argument for other names.
Result<Offset> base_offset_of(const std::string& path);

// One JSON object for a value of the metadata log.
std::string metadata_record_text(ByteView value);

}  // namespace moldau::cli
