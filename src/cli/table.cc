#include "cli/table.h"

#include <algorithm>
#include <numeric>

#include "cli/arguments.h"

namespace moldau::cli {
namespace {

constexpr std::string_view kGap = "  ";

std::string heading_of(const std::string& name) {
  std::string out = name;
  for (char& c : out) c = c == '_' ? '-' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return out;
}

// Code points: what a terminal gives one column each, near enough.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string padded(const std::string& text, std::size_t width, bool right) {
  const std::string blanks(width - std::min(width, width_of(text)), ' ');
  return right ? blanks + text : text + blanks;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + '"';
}

std::string tsv_field(const std::string& text) {
  std::string out;
  for (const char c : text)
    out += c == '\t' ? "\\t" : c == '\n' ? "\\n" : c == '\\' ? "\\\\" : std::string(1, c);
  return out;
}

// Green for what is well, red for what is not; yellow between.
std::string coloured(const std::string& word, const std::string& padded_word) {
  static constexpr std::string_view kWell[] = {"OK", "ready", "leader", "true"};
  static constexpr std::string_view kBetween[] = {"running", "stopped", "follower", "observer"};
  if (word.empty() || word == "-") return padded_word;
  const bool well = std::ranges::find(kWell, word) != std::end(kWell);
  const bool between = std::ranges::find(kBetween, word) != std::end(kBetween);
  return std::string("\x1b[") + (well ? "32" : between ? "33" : "31") + "m" + padded_word + "\x1b[0m";
}

// LOG-END-OFFSET, as tables head it, is log_end_offset.
std::string field_name(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c == '-' ? '_' : static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return out;
}

std::string_view type_name(const Json& cell) {
  return cell.as_integer()  ? "integer"
         : cell.as_real()   ? "number"
         : cell.as_bool()   ? "boolean"
         : cell.as_array()  ? "list"
         : cell.as_object() ? "object"
                            : "string";
}

bool less(const Json& a, const Json& b) {
  if (a.as_integer() && b.as_integer()) return *a.as_integer() < *b.as_integer();
  return a.to_cell() < b.to_cell();
}

}  // namespace

std::optional<Format> parse_format(std::string_view text) {
  const auto names = split(kFormats, ',');
  const auto at = std::ranges::find(names, text);
  if (at == names.end()) return std::nullopt;
  return static_cast<Format>(at - names.begin());
}

void Table::add(std::vector<Json> cells) {
  MOLDAU_ASSERT(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

bool Table::has(std::string_view name) const {
  return std::ranges::find(columns_, field_name(name), &Column::name) != columns_.end();
}

std::string Table::field_names() const {
  std::string names;
  for (const Column& column : columns_) names += (names.empty() ? "" : ", ") + column.name;
  return names;
}

Answer<std::size_t> Table::index_of(std::string_view name) const {
  const auto at = std::ranges::find(columns_, field_name(name), &Column::name);
  if (at != columns_.end()) return static_cast<std::size_t>(at - columns_.begin());
  return usage_trouble("no field \"" + std::string(name) + "\"", "the fields are: " + field_names());
}

Answer<void> Table::project(std::string_view fields) {
  std::vector<std::size_t> kept;
  for (const std::string& name : split(fields, ',')) {
    const auto index = index_of(name);
    if (!index) return std::unexpected(index.error());
    kept.push_back(*index);
  }
  const auto picked = [&](const auto& from) {
    std::decay_t<decltype(from)> out;
    for (const std::size_t index : kept) out.push_back(from[index]);
    return out;
  };
  columns_ = picked(columns_);
  for (Column& column : columns_) column.wide_only = false;
  for (auto& row : rows_) row = picked(row);
  return {};
}

Answer<void> Table::sort(std::string_view by) {
  const bool descending = by.ends_with(":desc");
  if (descending) by.remove_suffix(5);
  const auto index = index_of(by);
  if (!index) return std::unexpected(index.error());
  std::vector<std::size_t> order(rows_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    const Json& left = rows_[a][*index];
    const Json& right = rows_[b][*index];
    if (less(left, right)) return !descending;
    if (less(right, left)) return descending;
    return a < b;
  });
  std::vector<std::vector<Json>> sorted;
  for (const std::size_t row : order) sorted.push_back(std::move(rows_[row]));
  rows_ = std::move(sorted);
  return {};
}

Answer<void> Table::filter(const Expression& condition) {
  for (const std::string& name : condition.fields()) {
    if (const auto index = index_of(name); !index) return std::unexpected(index.error());
  }
  std::erase_if(rows_, [&](const auto& row) { return !condition.matches(Json(object_of(row))); });
  return {};
}

Json::Object Table::object_of(const std::vector<Json>& row) const {
  Json::Object object;
  for (std::size_t i = 0; i < row.size(); ++i) object.emplace_back(columns_[i].name, row[i]);
  return object;
}

Json Table::to_json() const {
  Json::Array items;
  for (const auto& row : rows_) items.emplace_back(object_of(row));
  return items;
}

std::string Table::render_columns(bool wide, bool heading, bool colours) const {
  std::vector<std::vector<std::string>> lines(heading ? 1 : 0);
  std::vector<std::size_t> shown;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (wide || !columns_[i].wide_only) shown.push_back(i);
  }
  for (const std::size_t i : shown) {
    if (heading) lines[0].push_back(heading_of(columns_[i].name));
  }
  for (const auto& row : rows_) {
    lines.emplace_back();
    for (const std::size_t i : shown) lines.back().push_back(row[i].to_cell());
  }
  std::vector<std::size_t> widths(shown.size(), 0);
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width_of(line[i]));
  }
  std::string out;
  for (const auto& line : lines) {
    std::string text;
    const bool is_row = &line != lines.data() || !heading;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const Column& column = columns_[shown[i]];
      const bool last = i + 1 == line.size();
      const std::string cell = padded(line[i], last && !column.right ? 0 : widths[i], column.right);
      text += i ? kGap : "";
      text += colours && is_row && column.state ? coloured(line[i], cell) : cell;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  }
  return out;
}

std::string Table::render_separated(char separator, bool heading) const {
  const auto field = [&](const std::string& text) {
    return separator == ',' ? csv_field(text) : tsv_field(text);
  };
  std::string out;
  const auto put = [&](bool first, const std::string& text) {
    out += (first ? "" : std::string(1, separator)) + field(text);
  };
  if (heading) {
    for (const Column& column : columns_) put(&column == columns_.data(), column.name);
    out += '\n';
  }
  for (const auto& row : rows_) {
    for (const Json& cell : row) put(&cell == row.data(), cell.is_null() ? "" : cell.to_cell());
    out += '\n';
  }
  return out;
}

// One line for each field: its name and the type of its values.
std::string Table::render_schema() const {
  std::string out;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::string_view type = columns_[i].right ? "integer" : "string";
    for (const auto& row : rows_) {
      if (!row[i].is_null()) type = type_name(row[i]);
    }
    out += columns_[i].name + ": " + std::string(type) + "\n";
  }
  return out;
}

std::string Table::render(Format format, bool heading, bool colours) const {
  std::string out;
  switch (format) {
    case Format::table:
      return render_columns(false, heading, colours);
    case Format::wide:
      return render_columns(true, heading, colours);
    case Format::json:
      return to_json().to_pretty() + "\n";
    case Format::yaml:
      return to_json().to_yaml();
    case Format::csv:
      return render_separated(',', heading);
    case Format::tsv:
      return render_separated('\t', heading);
    case Format::jsonl:
      for (const auto& row : rows_) out += Json(object_of(row)).to_line() + "\n";
      return out;
    case Format::schema:
      return render_schema();
    case Format::name:
      for (const auto& row : rows_) out += row.front().to_cell() + "\n";
      return out;
  }
  MOLDAU_UNREACHABLE();
}

}  // namespace moldau::cli
