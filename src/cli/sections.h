// Sections: an answer that is more than one table, each under a heading of its own: topic describe, topic
// analyze, cluster info.
//
// --filter, --sort and --fields act on every section that has the fields which they name, and leave the
// others as they are; a field that no section has is a usage error. A section that --filter leaves nothing of
// is left out, and so is one that has none of --fields.
#pragma once

#include <string>
#include <vector>

#include "cli/report.h"

namespace moldau::cli {

struct Section {
  // In machine formats: a list of rows, its one row as an object, or that row's fields beside the sections.
  enum class Shape : std::uint8_t { list, object, fields };
  std::string title;  // PARTITIONS
  std::string field;  // of machine formats: partition_list
  Table table;
  Shape shape = Shape::list;
};

class Sections {
 public:
  void add(Section section) { sections_.push_back(std::move(section)); }
  // By --filter, --sort and --fields. False: --filter concerned some of the sections, and left nothing of any
  // of them.
  Answer<bool> choose(const Arguments& arguments);
  // Under their titles; csv, tsv and name only of a single section: else a usage error.
  Answer<void> print(Session& session, Format format) const;
  Json to_json() const;

 private:
  Answer<bool> filter(const std::string& text);
  Answer<void> sort(const std::string& by);
  Answer<void> project(const std::string& fields);
  bool any_has(std::string_view field) const;
  std::string known_fields() const;
  std::unexpected<Trouble> no_field(std::string_view name) const;

  std::vector<Section> sections_;
};

// The items of an answer in one of the formats below.
void print_items(Printer& out, const Json::Array& items, Format format);
// json, jsonl and yaml: what is printed once, as a whole.
inline bool is_machine(Format format) {
  return format == Format::json || format == Format::jsonl || format == Format::yaml;
}

}  // namespace moldau::cli
