#include "storage/data_directory.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

namespace moldau::storage {

namespace {

constexpr std::uint64_t kMaxMetaBytes = 64 << 10;
constexpr std::string_view kBrokerEpochField = "\"brokerEpoch\":";
// What a folder may hold and still count as empty: our own lock, a format cut short, a mount point's own.
constexpr std::array<std::string_view, 3> kNothing = {kLockFile, "meta.properties.tmp", "lost+found"};

using Properties = std::map<std::string, std::string, std::less<>>;

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\f");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\f") - begin + 1);
}

// java.util.Properties puts a backslash before ':', '=', '#' and '!' in values.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

Result<Properties> parse_properties(std::string_view text, const std::string& path) {
  Properties properties;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view content = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (content.empty() || content.front() == '#' || content.front() == '!') continue;
    const std::size_t separator = content.find('=');
    if (separator == std::string_view::npos) {
      return fail(Errc::corrupt, path + " line " + std::to_string(line) + ": expected key=value");
    }
    properties[std::string(trimmed(content.substr(0, separator)))] =
        unescaped(trimmed(content.substr(separator + 1)));
  }
  return properties;
}

std::optional<std::string> take(const Properties& properties, std::string_view key) {
  const auto at = properties.find(key);
  return at == properties.end() ? std::nullopt : std::optional(at->second);
}

Result<NodeId> parse_node_id(const std::optional<std::string>& text, std::string_view key,
                             const std::string& path) {
  if (!text) return fail(Errc::corrupt, path + ": " + std::string(key) + " is missing");
  NodeId id = kNoNode;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), id);
  if (error != std::errc() || end != text->data() + text->size() || id < 0) {
    return fail(Errc::corrupt, path + ": " + std::string(key) + " is '" + *text + "', not a node id");
  }
  return id;
}

// An id that reads the same once the file has been written again.
bool is_plain(std::string_view cluster_id) {
  const auto plain = [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f && c != '\\'; };
  return trimmed(cluster_id) == cluster_id && std::ranges::all_of(cluster_id, plain);
}

Result<DirectoryId> parse_directory_id(const std::optional<std::string>& text, const std::string& path) {
  if (!text) return DirectoryId{};
  const auto id = Uuid::parse(*text);
  if (!id) return fail(Errc::corrupt, path + ": directory.id is '" + *text + "', not an id");
  return *id;
}

bool counts_as_nothing(const std::string& name) {
  return std::ranges::find(kNothing, name) != kNothing.end();
}

// Success when the folder can be taken: it holds nothing of anybody's.
Status check_is_free(runtime::Disk& disk, const std::string& path) {
  ASSIGN_OR_RETURN(const auto entries, disk.list(path));
  const auto is_meta = [](const runtime::DirectoryEntry& entry) { return entry.name == kMetaProperties; };
  if (std::ranges::any_of(entries, is_meta)) {
    return fail(Errc::already_exists, path + " is formatted already");
  }
  for (const runtime::DirectoryEntry& entry : entries) {
    if (counts_as_nothing(entry.name)) continue;
    return fail(Errc::invalid_argument, path + " is not empty and has no " + std::string(kMetaProperties) +
                                            " (it holds '" + entry.name +
                                            "'): name an empty folder, or restore " +
                                            std::string(kMetaProperties) + " if these are a broker's files");
  }
  return {};
}

// The folder and those above it that are missing, each durable under its name.
Status create_durably(runtime::Disk& disk, const std::string& path) {
  ASSIGN_OR_RETURN(const bool exists, disk.exists(path));
  if (exists) return {};
  const std::string parent = runtime::directory_of(path);
  if (parent != "/") TRY(create_durably(disk, parent));
  TRY(disk.create_directories(path));
  return disk.sync_directory(parent);
}

Result<std::unique_ptr<runtime::FileLock>> lock_folder(runtime::Disk& disk, const std::string& path) {
  auto lock = disk.lock(path + "/" + std::string(kLockFile));
  if (!lock && lock.error().code == Errc::locked) {
    return fail(Errc::locked, path + " is in use by another process: stop it, or name another folder");
  }
  return lock;
}

Status write_meta(runtime::Disk& disk, const std::string& path, const MetaProperties& properties) {
  if (!is_plain(properties.cluster_id))
    return fail(Errc::invalid_argument, "'" + properties.cluster_id + "' cannot be a cluster's id");
  return runtime::write_file_atomically(disk, path + "/" + std::string(kMetaProperties),
                                        as_bytes(properties.to_text()));
}

std::string described(const std::string& cluster_id, NodeId node_id) {
  return "node " + std::to_string(node_id) + " of cluster '" + cluster_id + "'";
}

// Both ids, the folder, and the two honest ways out: be who the folder says, or have a folder of one's own.
std::string not_the_owner(const std::string& path, const MetaProperties& found, const std::string& cluster_id,
                          NodeId node_id) {
  std::string keys;
  if (node_id != found.node_id) keys = "node.id to " + std::to_string(found.node_id);
  if (cluster_id != found.cluster_id)
    keys += (keys.empty() ? "cluster.id to " : " and cluster.id to ") + found.cluster_id;
  return path + " belongs to " + described(found.cluster_id, found.node_id) + ", but this is configured as " +
         described(cluster_id, node_id) + ": to go on with its data, set " + keys +
         " (auto takes what the folder says); to be " + described(cluster_id, node_id) +
         ", name another folder that is empty";
}

Status check_identity(const std::string& path, const MetaProperties& found,
                      const DataDirectory::Identity& expected) {
  const std::string& cluster = expected.cluster_id.empty() ? found.cluster_id : expected.cluster_id;
  if (cluster == found.cluster_id && expected.node_id == found.node_id) return {};
  return fail(Errc::mismatch, not_the_owner(path, found, cluster, expected.node_id));
}

std::optional<CleanShutdown> parse_marker(std::string_view text) {
  const std::size_t at = text.find(kBrokerEpochField);
  if (at == std::string_view::npos || text.find('}') == std::string_view::npos) return std::nullopt;
  const std::string_view number = trimmed(text.substr(at + kBrokerEpochField.size()));
  CleanShutdown marker;
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), marker.broker_epoch);
  if (error != std::errc()) return std::nullopt;
  return marker;
}

}  // namespace

Result<MetaProperties> MetaProperties::parse(std::string_view text, const std::string& path) {
  if (trimmed(text).empty()) return fail(Errc::corrupt, path + " is empty");
  ASSIGN_OR_RETURN(const Properties properties, parse_properties(text, path));
  const std::string version = take(properties, "version").value_or("0");
  if (version != "0" && version != "1") {
    return fail(Errc::corrupt, path + ": version '" + version + "' is not known (0 and 1 are)");
  }
  MetaProperties meta;
  const std::string_view id_key = version == "1" ? "node.id" : "broker.id";
  ASSIGN_OR_RETURN(meta.node_id, parse_node_id(take(properties, id_key), id_key, path));
  ASSIGN_OR_RETURN(meta.directory_id, parse_directory_id(take(properties, "directory.id"), path));
  meta.cluster_id = take(properties, "cluster.id").value_or("");
  if (version == "1" && meta.cluster_id.empty()) return fail(Errc::corrupt, path + ": cluster.id is missing");
  if (!is_plain(meta.cluster_id))
    return fail(Errc::corrupt, path + ": cluster.id is '" + meta.cluster_id + "'");
  return meta;
}

std::string MetaProperties::to_text() const {
  const std::string directory = "directory.id=" + directory_id.to_string() + "\n";
  // A broker of before cluster ids: version 1 would need one.
  if (cluster_id.empty()) return "version=0\nbroker.id=" + std::to_string(node_id) + "\n" + directory;
  return "version=1\ncluster.id=" + cluster_id + "\nnode.id=" + std::to_string(node_id) + "\n" + directory;
}

Result<MetaProperties> DataDirectory::inspect(runtime::Disk& disk, const std::string& path) {
  const std::string file = path + "/" + std::string(kMetaProperties);
  auto contents = runtime::read_file(disk, file, kMaxMetaBytes);
  if (!contents && contents.error().code == Errc::not_found) {
    return fail(Errc::not_found, path + " is not formatted: it has no " + std::string(kMetaProperties));
  }
  if (!contents) return fail(std::move(contents).error());
  return MetaProperties::parse(as_text(*contents), file);
}

Result<MetaProperties> DataDirectory::format(runtime::Disk& disk, const std::string& path,
                                             const std::string& cluster_id, NodeId node_id,
                                             DirectoryId directory_id) {
  TRY(create_durably(disk, path));
  TRY(check_is_free(disk, path));
  ASSIGN_OR_RETURN(const auto lock, lock_folder(disk, path));
  TRY(check_is_free(disk, path));  // again, now that nobody else can
  MetaProperties properties{cluster_id, node_id, directory_id};
  TRY(write_meta(disk, path, properties));
  return properties;
}

Result<std::unique_ptr<DataDirectory>> DataDirectory::open(runtime::Disk& disk, const std::string& path,
                                                           const Identity& expected,
                                                           DirectoryId fresh_directory_id) {
  TRY(inspect(disk, path));  // first: no lock file appears in a folder that is not ours
  std::unique_ptr<DataDirectory> directory(new DataDirectory(disk, path));
  ASSIGN_OR_RETURN(directory->lock_, lock_folder(disk, path));
  ASSIGN_OR_RETURN(directory->properties_, inspect(disk, path));
  MetaProperties& properties = directory->properties_;
  // Version 0 may not say which cluster: the folder joins the one that it is opened for.
  const bool joins = properties.cluster_id.empty() && !expected.cluster_id.empty();
  if (joins) properties.cluster_id = expected.cluster_id;
  TRY(check_identity(path, properties, expected));
  if (joins || properties.directory_id.is_zero()) {
    if (properties.directory_id.is_zero()) properties.directory_id = fresh_directory_id;
    TRY(write_meta(disk, path, properties));
  }
  TRY(directory->take_marker());
  return directory;
}

// A marker that cannot be read says nothing: everything is recovered. The folder is synced also when there is
// none: a process that was stopped may have left its removal, or the new name of another file of the folder,
// where only a sync makes it durable.
Status DataDirectory::take_marker() {
  const std::string file = path_ + "/" + std::string(kCleanShutdown);
  const auto contents = runtime::read_file(disk_, file, kMaxMetaBytes);
  if (contents) clean_shutdown_ = parse_marker(as_text(*contents));
  if (contents || contents.error().code != Errc::not_found) TRY(disk_.remove_file(file));
  return disk_.sync_directory(path_);
}

Status DataDirectory::mark_clean(std::int64_t broker_epoch) {
  const std::string text =
      "{\"version\":0," + std::string(kBrokerEpochField) + std::to_string(broker_epoch) + "}";
  return runtime::write_file_atomically(disk_, path_ + "/" + std::string(kCleanShutdown), as_bytes(text));
}

}  // namespace moldau::storage
