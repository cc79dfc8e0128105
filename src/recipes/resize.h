// Small maps to the size of pictures, and pictures of labels to that of maps.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vitreous {

struct MapSize {
  size_t height, width;
};

// A part of a map, in its pixels; it may reach outside.
struct Region {
  double x, y, width, height;
};

inline Region whole(MapSize size) { return {0, 0, double(size.width), double(size.height)}; }

// planes: (count, from) → (count, to), each output the input under its middle, 0 outside; of the whole map it
// is `PIL.Image.resize(…, NEAREST)`, and for whole multiples
// `torch.nn.functional.interpolate(mode="nearest")`.
void resize_nearest(size_t count, MapSize from, const uint8_t* planes, const Region& region, MapSize to,
                    uint8_t* out);

}  // namespace vitreous
