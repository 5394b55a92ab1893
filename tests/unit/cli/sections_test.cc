// Answers of more than one table: what --filter, --sort and --fields do to them.
#include "cli/sections.h"

#include <gtest/gtest.h>

namespace moldau::cli {
namespace {

Sections sample() {
  Table summary({{"name"}, {"partitions", true}});
  summary.add({"t", 2});
  Table partitions({{"partition", true}, {"leader", true}});
  partitions.add({0, 1});
  partitions.add({1, 2});
  Sections sections;
  sections.add({"SUMMARY", "summary", std::move(summary), Section::Shape::fields});
  sections.add({"PARTITIONS", "partition_list", std::move(partitions)});
  return sections;
}

Answer<bool> choose(Sections& sections, std::string_view flag, std::string value) {
  Arguments arguments;
  arguments.add(flag, std::move(value));
  return sections.choose(arguments);
}

TEST(SectionsTest, FieldsOfOneRowStandBesideTheLists) {
  EXPECT_EQ(
      sample().to_json().to_line(),
      R"({"name":"t","partitions":2,"partition_list":[{"partition":0,"leader":1},{"partition":1,"leader":2}]})");
}

TEST(SectionsTest, AFilterActsWhereItsFieldsAre) {
  Sections sections = sample();
  ASSERT_EQ(choose(sections, "filter", "leader = 2"), true);
  EXPECT_EQ(sections.to_json().to_line(),
            R"({"name":"t","partitions":2,"partition_list":[{"partition":1,"leader":2}]})");
  sections = sample();
  EXPECT_EQ(choose(sections, "filter", "leader = 3"), false) << "nothing is left of what was filtered";
  EXPECT_EQ(sections.to_json().to_line(), R"({"name":"t","partitions":2})");
}

TEST(SectionsTest, FieldsAndOrder) {
  Sections sections = sample();
  ASSERT_TRUE(choose(sections, "sort", "leader:desc"));
  ASSERT_TRUE(choose(sections, "fields", "leader,name"));
  EXPECT_EQ(sections.to_json().to_line(), R"({"name":"t","partition_list":[{"leader":2},{"leader":1}]})");
  ASSERT_TRUE(choose(sections, "fields", "LEADER"));
  EXPECT_EQ(sections.to_json().to_line(), R"({"partition_list":[{"leader":2},{"leader":1}]})")
      << "a section that has none of them is left out";
}

TEST(SectionsTest, FieldsThatNoSectionHasAreTold) {
  for (const auto& [flag, value] :
       {std::pair("filter", "nmae = t"), {"sort", "nmae"}, {"fields", "name,nmae"}}) {
    Sections sections = sample();
    const auto wrong = choose(sections, flag, value);
    ASSERT_FALSE(wrong) << flag;
    EXPECT_EQ(wrong.error().exit, Exit::usage);
    EXPECT_TRUE(wrong.error().what.contains("nmae")) << wrong.error().what;
    EXPECT_TRUE(wrong.error().hint.contains("PARTITIONS: partition, leader")) << wrong.error().hint;
  }
  Sections sections = sample();
  const auto apart = choose(sections, "filter", "name = t AND leader = 1");
  ASSERT_FALSE(apart);
  EXPECT_TRUE(apart.error().what.contains("no section has all of these fields"));
}

}  // namespace
}  // namespace moldau::cli
