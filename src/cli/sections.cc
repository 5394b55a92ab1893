#include "cli/sections.h"

#include <algorithm>

#include "cli/command.h"

namespace moldau::cli {

bool Sections::any_has(std::string_view field) const {
  return std::ranges::any_of(sections_, [&](const Section& section) { return section.table.has(field); });
}

std::string Sections::known_fields() const {
  std::string known;
  for (const Section& section : sections_)
    known += (known.empty() ? "the fields are, of " : "; of ") + section.title + ": " +
             section.table.field_names();
  return known;
}

std::unexpected<Trouble> Sections::no_field(std::string_view name) const {
  return usage_trouble("no field \"" + std::string(name) + "\"", known_fields());
}

Answer<bool> Sections::choose(const Arguments& arguments) {
  bool some_left = true;
  if (const auto text = arguments.find("filter")) {
    const auto filtered = filter(*text);
    if (!filtered) return filtered;
    some_left = *filtered;
  }
  if (const auto by = arguments.find("sort")) {
    if (auto sorted = sort(*by); !sorted) return std::unexpected(std::move(sorted).error());
  }
  if (const auto fields = arguments.find("fields")) {
    if (auto projected = project(*fields); !projected) return std::unexpected(std::move(projected).error());
  }
  return some_left;
}

Answer<bool> Sections::filter(const std::string& text) {
  const auto condition = Expression::parse(text, "--filter");
  if (!condition) return std::unexpected(condition.error());
  const auto& fields = condition->fields();
  const auto concerned = [&](const Section& section) {
    return std::ranges::all_of(fields, [&](const std::string& name) { return section.table.has(name); });
  };
  for (const std::string& name : fields) {
    if (!any_has(name)) return no_field(name);
  }
  if (std::ranges::none_of(sections_, concerned))
    return usage_trouble("--filter: no section has all of these fields", known_fields());
  bool some_left = false;
  for (Section& section : sections_) {
    if (!concerned(section)) continue;
    if (auto filtered = section.table.filter(*condition); !filtered)
      return std::unexpected(std::move(filtered).error());
    some_left |= !section.table.empty();
  }
  std::erase_if(sections_,
                [&](const Section& section) { return concerned(section) && section.table.empty(); });
  return some_left;
}

Answer<void> Sections::sort(const std::string& by) {
  const std::string_view name = std::string_view(by).substr(0, by.find(':'));
  if (!any_has(name) && !sections_.empty()) return no_field(name);
  for (Section& section : sections_) {
    if (!section.table.has(name)) continue;
    if (auto sorted = section.table.sort(by); !sorted) return sorted;
  }
  return {};
}

Answer<void> Sections::project(const std::string& fields) {
  const auto names = split(fields, ',');
  for (const std::string& name : names) {
    if (!any_has(name) && !sections_.empty()) return no_field(name);
  }
  for (Section& section : sections_) {
    std::string own;
    for (const std::string& name : names) {
      if (section.table.has(name)) own += (own.empty() ? "" : ",") + name;
    }
    if (auto projected = section.table.project(own); !projected) return projected;
  }
  std::erase_if(sections_, [](const Section& section) { return section.table.field_names().empty(); });
  return {};
}

Answer<void> Sections::print(Session& session, Format format) const {
  const bool heading = !session.arguments.has("no-heading");
  if (format == Format::csv || format == Format::tsv || format == Format::name) {
    if (sections_.size() > 1)
      return usage_trouble(
          "--format " + session.arguments.text("format") + " shows one section at a time",
          "choose one by its flag, or with --fields; see: moldau help " + std::string(session.command->name));
    for (const Section& section : sections_) session.out.put(section.table.render(format, heading));
    return {};
  }
  for (const Section& section : sections_) {
    session.out.line(section.title);
    session.out.line(std::string(section.title.size(), '='));
    session.out.put(section.table.render(format, heading, colours(session)));
    session.out.line("");
  }
  return {};
}

Json Sections::to_json() const {
  Json::Object out;
  for (const Section& section : sections_) {
    const Json rows = section.table.to_json();
    if (section.shape == Section::Shape::list) {
      out.emplace_back(section.field, rows);
      continue;
    }
    const Json row = rows.as_array()->empty() ? Json(Json::Object{}) : rows.as_array()->front();
    if (section.shape == Section::Shape::object)
      out.emplace_back(section.field, row);
    else
      out.insert(out.end(), row.as_object()->begin(), row.as_object()->end());
  }
  return out;
}

void print_items(Printer& out, const Json::Array& items, Format format) {
  if (format == Format::jsonl) {
    for (const Json& item : items) out.line(item.to_line());
  } else {
    out.put(format == Format::yaml ? Json(items).to_yaml() : Json(items).to_pretty() + "\n");
  }
}

}  // namespace moldau::cli
