# The C++ client for programs elsewhere: libmoldau.a and libmoldau.so, which hold all rooms that it stands on,
# with a CMake package and a pkg-config file. `cmake --install DIR --component client` installs them.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(objects $<TARGET_OBJECTS:moldau_client_embedded>)
foreach(room base wire record runtime platform client)
  list(APPEND objects $<TARGET_OBJECTS:moldau_${room}>)
endforeach()
# The exposition of metrics is the broker's, and so is its library.
list(APPEND objects $<FILTER:$<TARGET_OBJECTS:moldau_telemetry>,EXCLUDE,exposition>)
set(libraries z lz4 zstd snappy isal re2 fmt)

add_library(moldau_package STATIC ${objects})
add_library(moldau_package_shared SHARED ${objects})
set_target_properties(moldau_package PROPERTIES EXPORT_NAME client)
set_target_properties(moldau_package_shared PROPERTIES
  EXPORT_NAME client_shared VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
  LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/moldau.map)
target_link_options(moldau_package_shared PRIVATE -Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/moldau.map)
target_link_libraries(moldau_package INTERFACE ${libraries} pthread)
target_link_libraries(moldau_package_shared PRIVATE ${libraries} pthread)
foreach(target moldau_package moldau_package_shared)
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME moldau LINKER_LANGUAGE CXX ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/package
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/package)
  target_compile_features(${target} INTERFACE cxx_std_23)
  target_include_directories(${target} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()

list(TRANSFORM libraries PREPEND "-l" OUTPUT_VARIABLE private)
list(JOIN private " " MOLDAU_CLIENT_LIBRARIES_PRIVATE)
configure_file(cmake/moldau.pc.in ${CMAKE_BINARY_DIR}/package/moldau.pc @ONLY)
configure_file(cmake/moldauConfig.cmake.in ${CMAKE_BINARY_DIR}/package/moldauConfig.cmake @ONLY)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/package/moldauConfigVersion.cmake
                                 VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/moldau)
install(TARGETS moldau_package moldau_package_shared EXPORT moldauTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT client
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT client NAMELINK_COMPONENT client)
install(EXPORT moldauTargets NAMESPACE moldau:: DESTINATION ${package_dir} COMPONENT client)
install(FILES ${CMAKE_BINARY_DIR}/package/moldauConfig.cmake ${CMAKE_BINARY_DIR}/package/moldauConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT client)
install(FILES ${CMAKE_BINARY_DIR}/package/moldau.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT client)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/moldau DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT client)
