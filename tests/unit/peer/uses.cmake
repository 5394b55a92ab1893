list(APPEND test_uses metadata simulation server node)
list(APPEND TEST_SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/client/fake_broker.cc)
