// A configuration as a list of fields, to compare two of them.

#ifndef COGDIST_LAUNCHER_CONFIG_FIELDS_H_
#define COGDIST_LAUNCHER_CONFIG_FIELDS_H_

#include <string>
#include <vector>

#include "proto/run_config.pb.h"

namespace cogdist {

struct ConfigField {
  std::string name;   // as --set names it: "data.train.0.prefix"
  std::string value;  // in text format: "\"data/train\"", "1e-3", "COSINE"
};

// Every scalar field that is set, in the order of the schema.
std::vector<ConfigField> FieldsOf(const RunConfig& config);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_CONFIG_FIELDS_H_
