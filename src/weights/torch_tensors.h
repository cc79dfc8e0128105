// The tensors of a torch.save pickle by name, checked against their storages before any byte of them comes.
#pragma once

#include <cstdint>
#include <vector>

#include "weights/safetensors_header.h"
#include "weights/torch_pickle.h"

namespace vitreous {

// The tensors of the dicts, in the pickle's order, named by their keys joined with dots:
// {"teacher": {"cls_token": T}} holds "teacher.cls_token". Other values are passed over.
//
// TensorInfo::begin counts from the start of the first storage, as if the storages lay behind one another in
// the pickle's order; tensors that share a storage may overlap.
//
// Throws CHECKPOINT_FORMAT, TENSOR_DUPLICATE or TENSOR_SHAPE (a view beyond its storage), naming the tensor.
// Limits: 65,536 tensors, names of 512 bytes, dicts 64 deep.
struct TorchTensors {
  Header header;
  std::vector<TorchView> views;  // of header.tensors[i]
};
TorchTensors find_tensors(const TorchPickle& pickle);

// Whether the elements lie in the storage one after the other in C order.
bool is_contiguous(const TorchView& view);

// The elements from the first to the last in the storage, holes of the strides included; the view is checked.
uint64_t extent(const TorchView& view);

}  // namespace vitreous
