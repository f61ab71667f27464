# Builds llama.cpp's own server with llama-cpp-python's wheel, beside its libraries in `llama_cpp/lib`.
#
# Given to the wheel's build as CMAKE_PROJECT_llama.cpp_INCLUDE, CMake reads this at the end of llama.cpp's
# `project()`. Only the server is added: LLAMA_BUILD_TOOLS would compile all of llama.cpp's programs.

# What is normal here is what `option()` finds set.
set(LLAMA_OPENSSL OFF)        # it listens on loopback and downloads nothing
set(LLAMA_SUBPROCESS OFF)     # it starts no programs
set(LLAMA_USE_PREBUILT_UI OFF)  # its pages would be fetched while it is built

# One place for all: programs find the libraries beside them, and the wheel holds each once.
foreach(kind BIN LIB)
    set(CMAKE_INSTALL_${kind}DIR llama_cpp/lib CACHE PATH "" FORCE)
endforeach()
set(CMAKE_INSTALL_INCLUDEDIR llama_cpp/include CACHE PATH "" FORCE)
if(APPLE)
    set(CMAKE_INSTALL_RPATH "@loader_path")
else()
    set(CMAKE_INSTALL_RPATH "$ORIGIN")
endif()

function(add_llama_server)
    set(BUILD_SHARED_LIBS OFF)
    set(LLAMA_TOOLS_INSTALL OFF)
    set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
    if(MSVC)
        add_compile_options($<$<COMPILE_LANGUAGE:CXX>:/utf-8> $<$<COMPILE_LANGUAGE:CXX>:/bigobj>)
    endif()
    add_subdirectory(tools/ui)
    add_subdirectory(tools/server)
endfunction()
add_llama_server()
