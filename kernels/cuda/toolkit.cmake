# Decides whether the module for GPUs is built, and finds what it is built with:
# sets COGDIST_HAS_CUDA, NCCL_INCLUDE_DIR and NCCL_LIBRARY. COGDIST_NVCC_OPTIONS and
# COGDIST_NVCC_INCLUDES are how nvcc compiles kernels, for the module and for tests.

set(COGDIST_CUDA AUTO CACHE STRING
  "Build the module for GPUs: AUTO (where CUDA's toolkit and NCCL are), ON, OFF")
set_property(CACHE COGDIST_CUDA PROPERTY STRINGS AUTO ON OFF)
set(COGDIST_HAS_CUDA FALSE)
set(COGDIST_NVCC_OPTIONS --expt-relaxed-constexpr -Werror=all-warnings)
set(COGDIST_NVCC_INCLUDES ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_LIST_DIR}/nvcc)

if(NOT COGDIST_CUDA)
  message(STATUS "GPUs: no, by COGDIST_CUDA=${COGDIST_CUDA}")
  return()
endif()
if(COGDIST_SANITIZE AND COGDIST_CUDA STREQUAL AUTO)
  message(STATUS "GPUs: no, nvcc knows no sanitizers")
  return()
endif()

find_package(CUDAToolkit QUIET)
# NCCL comes with the toolkit, as the system's package, or in a folder of its own.
set(nccl_hints $ENV{NCCL_ROOT} $ENV{NCCL_HOME})
find_path(NCCL_INCLUDE_DIR nccl.h PATH_SUFFIXES include
  HINTS ${nccl_hints} ${CUDAToolkit_INCLUDE_DIRS})
find_library(NCCL_LIBRARY nccl PATH_SUFFIXES lib
  HINTS ${nccl_hints} ${CUDAToolkit_LIBRARY_DIR})
set(missing "")
if(NOT CUDAToolkit_FOUND OR NOT CUDAToolkit_NVCC_EXECUTABLE)
  list(APPEND missing "CUDA's toolkit with nvcc")
elseif(CUDAToolkit_VERSION VERSION_LESS 12.8)  # knows no sm_100a
  list(APPEND missing "CUDA 12.8 or later (here ${CUDAToolkit_VERSION})")
endif()
if(NOT TARGET CUDA::cublasLt)
  list(APPEND missing "cuBLASLt")
endif()
if(NOT NCCL_INCLUDE_DIR OR NOT NCCL_LIBRARY)
  list(APPEND missing "NCCL")
endif()
if(missing)
  list(JOIN missing ", " missing)
  if(NOT COGDIST_CUDA STREQUAL AUTO)
    message(FATAL_ERROR "COGDIST_CUDA=${COGDIST_CUDA}, but not found: ${missing}")
  endif()
  message(STATUS "GPUs: no, not found: ${missing}")
  return()
endif()

if(NOT CMAKE_CUDA_COMPILER)
  set(CMAKE_CUDA_COMPILER ${CUDAToolkit_NVCC_EXECUTABLE})
endif()
# The module shares types with the program: one compiler for both.
set(CMAKE_CUDA_HOST_COMPILER ${CMAKE_CXX_COMPILER})
if(CCACHE AND NOT CMAKE_CUDA_COMPILER_LAUNCHER)
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CCACHE})
endif()
enable_language(CUDA)
# CMake 3.25 does not know how to ask nvcc 13 for C++20.
set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
set(COGDIST_HAS_CUDA TRUE)
message(STATUS "GPUs: CUDA ${CUDAToolkit_VERSION}, ${NCCL_LIBRARY}")
