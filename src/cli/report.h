// Printing what a command found: a table in the format that --format, MOLDAU_FORMAT or the default asks for.
#pragma once

#include "cli/session.h"

namespace moldau::cli {

Answer<Format> format_of(const Session& session, Format otherwise = Format::table);
// --color, NO_COLOR, CLICOLOR_FORCE, and else whether stdout is a terminal.
bool colours(const Session& session);
// Applies --filter, --sort and --fields, and prints.
Answer<void> print_table(Session& session, Table table);

// What became of several items: rows of `TOPIC STATUS` or the like, and the exit code that they add up to.
class ItemReport {
 public:
  ItemReport(std::string item_name, std::vector<Column> more_columns = {});
  void done(std::string item, std::vector<Json> more = {});
  void failed(std::string item, const client::Failure& failure, std::vector<Json> more = {});
  // Prints the table on stdout and the hints on stderr.
  Answer<Exit> finish(Session& session) &&;

 private:
  Table table_;
  std::size_t more_columns_;
  std::size_t items_ = 0;
  std::vector<Exit> failures_;
  std::vector<std::string> hints_;
};

// yes: --yes or a "y" typed at the terminal; a usage error where nobody can be asked.
Answer<bool> confirmed(Session& session, std::string_view question);

// Shows how far long work is on a terminal's stderr, in one line; silent elsewhere and with --no-progress.
class Progress {
 public:
  Progress(Session& session, runtime::Executor& executor);
  ~Progress() { clear(); }
  // At most four times a second.
  void show(std::string_view text);
  void clear();
  bool due() const;

 private:
  Session& session_;
  runtime::Executor& executor_;
  runtime::MonotonicTime next_{};
  bool enabled_;
  bool shown_ = false;
};

}  // namespace moldau::cli
