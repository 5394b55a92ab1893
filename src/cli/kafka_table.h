// The table that several of Kafka's tools print: columns as wide as their widest cell, a tab behind each.
#pragma once

#include <string>
#include <vector>

#include "cli/kafka_columns.h"
#include "cli/printer.h"

namespace moldau::cli {

using KafkaRow = std::vector<std::string>;

// REQUIRES: rows[0] is the heading, and all rows are as long as it.
inline void print_kafka_table(Printer& out, const std::vector<KafkaRow>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const KafkaRow& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  for (const KafkaRow& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += padded(row[i], widths[i]) + "\t";
    out.line(line);
  }
}

}  // namespace moldau::cli
