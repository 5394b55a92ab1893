// The entries judged against the catalogue: what each key is set to, and all that is wrong.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/entries.h"

namespace moldau::config {

class Resolved {
 public:
  explicit Resolved(std::vector<Entry> entries);

  // What the key is set to, or null. Kafka's properties that mean a key of ours are found under ours only.
  const Entry* find(const std::string& path) const;
  // The value, or the catalogue's default, or "". REQUIRES: a key of ours.
  std::string text(const std::string& path) const;
  const std::map<std::string, Entry>& entries() const { return entries_; }

  void problem(Severity severity, const Entry& entry, std::string text);
  void error(const Entry& entry, std::string text) { problem(Severity::error, entry, std::move(text)); }
  void problem(Severity severity, std::string text) {
    problems_.push_back({severity, "", "", std::move(text)});
  }
  std::vector<Problem> take_problems() && { return std::move(problems_); }

 private:
  void judge(Entry entry);
  void judge_property(Entry entry);
  void judge_own(Entry entry);
  void reject_unknown(const Entry& entry);
  void keep(Entry entry);
  // What to say of an unknown key: the one that may have been meant, too, for the first of them.
  std::string unknown_key(const Entry& entry);

  int guesses_ = 0;
  std::map<std::string, Entry> entries_;
  std::vector<Problem> problems_;
};

}  // namespace moldau::config
