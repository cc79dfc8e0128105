#include "model/operators.h"

#include <xnnpack.h>
#include <xnnpack/config.h>

#include <cmath>
#include <cstdlib>
#include <string>

#include "base/error.h"

namespace vitreous {
namespace {

void check(xnn_status status, const char* what) {
  if (status == xnn_status_success) return;
  if (status == xnn_status_out_of_memory) {
    throw Error(code::kOutOfMemory, std::string(what) + ": not enough memory. Close other pages, or use a smaller model.");
  }
  // Sizes are checked before they get here, so this is a mistake of ours.
  throw Error(code::kInternal, std::string(what) + ": XNNPACK status " + std::to_string(status));
}

void initialize() {
  static const xnn_status status = xnn_initialize(nullptr);
  check(status, "start XNNPACK");
}

}  // namespace

void DeleteOperator::operator()(xnn_operator* op) const { xnn_delete_operator(op); }

Linear::Linear(size_t in, size_t out, const float* weight, const float* bias) {
  initialize();
  xnn_operator_t op = nullptr;
  check(xnn_create_fully_connected_nc_f32(in, out, in, out, weight, bias, -INFINITY, INFINITY, 0, nullptr, nullptr, &op),
        "pack the weights of a linear layer");
  op_.reset(op);
}

void Linear::run(size_t rows, const float* x, float* y) const {
  check(xnn_reshape_fully_connected_nc_f32(op_.get(), rows, nullptr), "linear layer");
  check(xnn_setup_fully_connected_nc_f32(op_.get(), x, y), "linear layer");
  check(xnn_run_operator(op_.get(), nullptr), "linear layer");
}

BatchMatMul::BatchMatMul(bool transpose_b) {
  initialize();
  xnn_operator_t op = nullptr;
  check(xnn_create_batch_matrix_multiply_nc_f32(transpose_b ? XNN_FLAG_TRANSPOSE_B : 0, &op), "create a matrix product");
  op_.reset(op);
}

void BatchMatMul::run(size_t batch, size_t m, size_t k, size_t n, const float* a, const float* b, float* c) {
  size_t workspace_bytes = 0, workspace_alignment = 0;
  check(xnn_reshape_batch_matrix_multiply_nc_f32(op_.get(), 1, &batch, &batch, m, k, n, &workspace_bytes,
                                                 &workspace_alignment, nullptr),
        "matrix product");
  if (workspace_.size() * sizeof(float) < workspace_bytes) {
    workspace_ = Buffer(workspace_bytes / sizeof(float) + 1);
  }
  check(xnn_setup_batch_matrix_multiply_nc_f32(op_.get(), workspace_.data(), a, b, c), "matrix product");
  check(xnn_run_operator(op_.get(), nullptr), "matrix product");
}

Softmax::Softmax() {
  initialize();
  xnn_operator_t op = nullptr;
  check(xnn_create_softmax_nc_f32(0, &op), "create a softmax");
  op_.reset(op);
}

void Softmax::run(size_t rows, size_t n, float* x) const {
  check(xnn_reshape_softmax_nc_f32(op_.get(), n, n, n, rows, nullptr), "softmax");
  check(xnn_setup_softmax_nc_f32(op_.get(), x, x), "softmax");
  check(xnn_run_operator(op_.get(), nullptr), "softmax");
}

// XNNPACK's elementwise operators choose among all their functions and types at run time, so creating one links
// every kernel of every kind. These two ask XNNPACK for the one kernel that it would choose.

void gelu(size_t n, float* x) {
  static const xnn_unary_elementwise_config* config = xnn_init_f32_gelu_config();
  config->ukernel(n * sizeof(float), x, x, nullptr);
}

void add(size_t n, float* x, const float* y) {
  static const xnn_binary_elementwise_config* config = xnn_init_f32_vadd_config();
  config->op_ukernel(n * sizeof(float), x, y, x, nullptr);
}

}  // namespace vitreous
