// For processors whose bfloat16 dot product nothing here knows.

#include "kernels/cpu/cog_attention_tile.h"

namespace cogdist::cpu {

TileProductFunction FindBf16Product() { return nullptr; }

}  // namespace cogdist::cpu
