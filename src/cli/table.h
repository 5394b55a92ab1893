// Table: rows of named, typed cells, printed in the form that --format asks for. One table prints the same
// data in every form; the machine forms are stable.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/expression.h"
#include "cli/json.h"
#include "cli/trouble.h"

namespace moldau::cli {

enum class Format { table, wide, json, jsonl, yaml, csv, tsv, name, schema };
inline constexpr std::string_view kFormats = "table,wide,json,jsonl,yaml,csv,tsv,name,schema";
std::optional<Format> parse_format(std::string_view text);

struct Column {
  std::string name;        // of the field: "log_end_offset"; a table heads it LOG-END-OFFSET
  bool right = false;      // numbers
  bool wide_only = false;  // not shown by `table`
  bool state = false;      // a word that tells how things are: may have a colour
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // REQUIRES: as many cells as columns.
  void add(std::vector<Json> cells);
  bool empty() const { return rows_.empty(); }
  std::size_t size() const { return rows_.size(); }
  // A column of this name, as --fields takes it.
  bool has(std::string_view name) const;
  std::string field_names() const;  // "name, partitions"

  // Keeps and orders these columns (--fields a,b); sorts by a column (--sort f[:desc]). Usage errors name the
  // columns that there are.
  Answer<void> project(std::string_view fields);
  Answer<void> sort(std::string_view by);
  // Keeps the rows that match (--filter).
  Answer<void> filter(const Expression& condition);

  // `heading`: the line of column names in table, csv and tsv. `colours`: of state words in table and wide.
  std::string render(Format format, bool heading = true, bool colours = false) const;
  Json to_json() const;

 private:
  Answer<std::size_t> index_of(std::string_view name) const;
  std::string render_columns(bool wide, bool heading, bool colours) const;
  std::string render_schema() const;
  std::string render_separated(char separator, bool heading) const;
  Json::Object object_of(const std::vector<Json>& row) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Json>> rows_;
};

}  // namespace moldau::cli
