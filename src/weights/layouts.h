// How a checkpoint names the tensors of a Vision Transformer: as timm does, or as other libraries do.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/safetensors_header.h"

namespace vitreous {

// How the values of a timm tensor lie in a checkpoint.
enum class Form {
  kSame,
  kFlat,        // without timm's leading dimensions of 1
  kTransposed,  // (in, out) for timm's (out, in)
  kZeros,       // not at all: timm's tensor is zeros
  // In models with registers timm's CLS token has its position embedding added and the position embeddings
  // begin with the first patch's; elsewhere these two are kSame.
  kClassToken,  // without its position
  kPositions,   // beginning with that of CLS
};

// A tensor of a checkpoint, and what it is in the model.
struct LayoutTensor {
  TensorSpec in_file;  // its name and shape there
  std::string name;    // timm's
  int part = 0;        // it is part `part` of `parts` along the first dimension of timm's tensor:
  int parts = 1;       // transformers keeps q, k and v apart, timm has one qkv
  Form form = Form::kSame;
};

// One library's names, with the prefix under which the checkpoint has them.
class Layout {
 public:
  // A module or tensor by both names; `#` is the number of the block. What is inside keeps its name.
  struct Row {
    std::string_view in_file, timm;
    int part = 0, parts = 1;
    Form form = Form::kSame;
  };

  // The layout in which most of `model` (timm's names and shapes) is among `names`: those of all tensors of a
  // checkpoint, or of the files of it that have come so far. timm's own if nothing is. Of a training
  // checkpoint with a teacher and a student it is the teacher's.
  static Layout recognise(std::span<const std::string> names, std::span<const TensorSpec> model);

  // Every tensor of the model, as a checkpoint of this layout has it; one of Form::kZeros has no name there.
  std::vector<LayoutTensor> tensors(std::span<const TensorSpec> model) const;

  // Whether a tensor that is not among tensors() is fine to be there: a head without a place in the model,
  // or something that only training needs.
  bool leaves_out(std::string_view name) const;

 private:
  Layout(std::span<const Row> rows, std::string_view outer, std::string_view inner)
      : rows_(rows), outer_(outer), inner_(inner) {}

  std::span<const Row> rows_;
  std::string outer_;  // before every name: "teacher.module."
  std::string inner_;  // then, before those of the backbone but not of its head: "vit."
};

}  // namespace vitreous
