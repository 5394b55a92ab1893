# A room: one folder under src/, one library target, the rooms that it may use, and its unit tests.
#
#   moldau_room(storage
#     USES base record runtime        # lower rooms; tests/architecture fails on any include beyond these
#     LIBRARIES PkgConfig::zlib       # third-party libraries, private to the room's .cc files
#     SOURCES extra.cc)               # beside *.cc of the folder, for generated files
#
# tests/unit/<room>/*_test.cc become the executable <room>_test; every gtest case is one ctest case.
include(GoogleTest OPTIONAL)

# How many times longer than usual a test may take: sanitizers make programs two to ten times slower.
set(MOLDAU_PATIENCE 1)
if(MOLDAU_SANITIZE)
  set(MOLDAU_PATIENCE 4)
endif()

function(moldau_room name)
  cmake_parse_arguments(ROOM "" "" "USES;LIBRARIES;SOURCES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc ${CMAKE_CURRENT_SOURCE_DIR}/*/*.cc)
  list(APPEND sources ${ROOM_SOURCES})
  set(target moldau_${name})
  list(TRANSFORM ROOM_USES PREPEND moldau_ OUTPUT_VARIABLE used)
  if(sources)
    add_library(${target} STATIC ${sources})
    target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(${target} PUBLIC ${used} PRIVATE ${ROOM_LIBRARIES})
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(${target} INTERFACE ${used})
  endif()

  file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${name}/*.cc)
  if(MOLDAU_TESTS AND tests)
    moldau_test(${name}_test SOURCES ${tests} USES ${name})
  endif()
endfunction()

# moldau_test(NAME SOURCES … USES rooms… LIBRARIES … TIMEOUT seconds): a gtest executable run by ctest.
# A test of a pure room may name further rooms and the simulated world through tests/unit/<room>/uses.cmake,
# which appends to test_uses and test_libraries.
function(moldau_test name)
  cmake_parse_arguments(TEST "" "TIMEOUT" "SOURCES;USES;LIBRARIES" ${ARGN})
  set(test_uses ${TEST_USES})
  set(test_libraries ${TEST_LIBRARIES})
  list(GET TEST_USES 0 room)
  include(${CMAKE_SOURCE_DIR}/tests/unit/${room}/uses.cmake OPTIONAL)
  list(TRANSFORM test_uses PREPEND moldau_ OUTPUT_VARIABLE used)
  add_executable(${name} ${TEST_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/tests)
  target_compile_definitions(${name} PRIVATE MOLDAU_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${used} ${test_libraries} GTest::gtest GTest::gmock GTest::gtest_main)
  # Half of what a test's file costs to compile is to optimise it; what it tests is optimised all the same.
  if(NOT MOLDAU_SANITIZE)
    target_compile_options(${name} PRIVATE -O0)
  endif()
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 120)
  endif()
  math(EXPR limit "${TEST_TIMEOUT} * ${MOLDAU_PATIENCE}")
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60 TEST_PREFIX "${name}."
                       PROPERTIES TIMEOUT ${limit})
endfunction()
