list(APPEND test_uses record wire client controller simulation)
list(APPEND TEST_SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/client/fake_broker.cc)
