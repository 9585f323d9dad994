// The names, numbers and types of the vendors' interfaces as one set of headers
// has them. Compiled once with our headers and once with the toolkit's.

#ifndef COGDIST_TESTS_VGPU_RUNTIME_API_FACTS_H_
#define COGDIST_TESTS_VGPU_RUNTIME_API_FACTS_H_

#include <map>
#include <string>

namespace cogdist::vgpu {

// "cudaSuccess" -> "0", "cudaFree" -> its type as the compiler writes it.
using ApiFacts = std::map<std::string, std::string>;

ApiFacts OurApi();
ApiFacts ToolkitApi();

}  // namespace cogdist::vgpu

#endif  // COGDIST_TESTS_VGPU_RUNTIME_API_FACTS_H_
