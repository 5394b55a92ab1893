// DataDirectory: one folder of `log.dirs`, locked for this process. It knows what identifies the folder
// (meta.properties), whether the last process ended in order (.kafka_cleanshutdown) and which files in it are
// Kafka's or ours; it never touches a folder that somebody else uses for something else. Kept open until the
// end of the process; every call but the accessors blocks (BlockingPool). Files: kafka-protocol.md 3.5.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "runtime/disk.h"

namespace moldau::storage {

inline constexpr std::string_view kMetaProperties = "meta.properties";
inline constexpr std::string_view kLockFile = ".lock";
inline constexpr std::string_view kCleanShutdown = ".kafka_cleanshutdown";

// meta.properties. Version 0 (`broker.id`, perhaps `cluster.id`) and 1 are read; 1 is written, or 0 where
// there is no cluster id.
struct MetaProperties {
  std::string cluster_id;
  NodeId node_id = kNoNode;
  DirectoryId directory_id;  // zero in a file of version 0, or written before directories had ids

  static Result<MetaProperties> parse(std::string_view text, const std::string& path);
  std::string to_text() const;
  friend bool operator==(const MetaProperties&, const MetaProperties&) = default;
};

// What `.kafka_cleanshutdown` says: {"version":0,"brokerEpoch":N}.
struct CleanShutdown {
  std::int64_t broker_epoch = -1;
};

class DataDirectory {
 public:
  struct Identity {
    std::string cluster_id;  // empty: whatever the folder says
    NodeId node_id = kNoNode;
  };

  // The folder's meta.properties without locking or changing anything; Errc::not_found when it is not
  // formatted.
  static Result<MetaProperties> inspect(runtime::Disk& disk, const std::string& path);

  // Writes meta.properties into a folder that is missing or empty. Errc::already_exists when it is formatted,
  // Errc::invalid_argument, naming what is there, when it holds anything that is not ours.
  static Result<MetaProperties> format(runtime::Disk& disk, const std::string& path,
                                       const std::string& cluster_id, NodeId node_id,
                                       DirectoryId directory_id);

  // Locks the folder and checks whose it is:
  //   Errc::locked     another process has it
  //   Errc::not_found  it is not formatted
  //   Errc::mismatch   it belongs to another cluster or node; names both ids, the folder and the two ways out
  //   Errc::corrupt    meta.properties cannot be read; names file and reason
  // Gives a folder of version 0 its `directory_id`. Removes the clean-shutdown marker, durably, before it
  // returns: whatever is loaded from here on was not shut down in order until mark_clean(). Every name that
  // is seen in the folder then is durable.
  static Result<std::unique_ptr<DataDirectory>> open(runtime::Disk& disk, const std::string& path,
                                                     const Identity& expected,
                                                     DirectoryId fresh_directory_id);

  const std::string& path() const { return path_; }
  const MetaProperties& properties() const { return properties_; }
  // What the last process left; empty when it did not end in order.
  const std::optional<CleanShutdown>& clean_shutdown() const { return clean_shutdown_; }
  // Everything is closed: the next open() will find it so.
  Status mark_clean(std::int64_t broker_epoch);

 private:
  DataDirectory(runtime::Disk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}
  Status take_marker();

  runtime::Disk& disk_;
  std::string path_;
  std::unique_ptr<runtime::FileLock> lock_;
  MetaProperties properties_;
  std::optional<CleanShutdown> clean_shutdown_;
};

}  // namespace moldau::storage
