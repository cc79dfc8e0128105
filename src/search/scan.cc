#include "search/scan.h"

#include <algorithm>
#include <cmath>

#include "base/thread_pool.h"
#include "search/dot.h"

namespace vitreous {
namespace {

constexpr size_t kBlockRows = 256;  // what a thread takes at a time
constexpr size_t kCachedRows = 8;   // what stays in the first-level cache while all queries look at it

}  // namespace

Queries::Queries(const RowStore& store, Storage form, std::span<const float> x, bool normalize)
    : dim_(store.dim()), form_(form), exact_(x.begin(), x.end()), norms_(x.size() / dim_) {
  const size_t stride = store.fp32_stride();
  if (form == Storage::kFp32) fp32_ = Buffer(count() * stride);
  if (form == Storage::kInt8) int8_ = QuantizedRows(count(), store.int8_values());
  if (form == Storage::kBinary) bits_.resize(count() * store.bit_stride());
  std::vector<float> padded(store.int8_values());  // zeros behind the last, as the rows have them
  for (size_t i = 0; i < count(); ++i) {
    const float* query = x.data() + i * dim_;
    norms_[i] = std::sqrt(dot_double(dim_, query, exact(i)).xx);
    if (form == Storage::kFp32) {
      const double scale = normalize ? 1 / norms_[i] : 1;
      for (size_t k = 0; k < dim_; ++k) fp32_.data()[i * stride + k] = float(query[k] * scale);
    }
    if (form == Storage::kInt8) {
      std::copy_n(query, dim_, padded.data());
      int8_.set(i, padded.data());
    }
    if (form == Storage::kBinary) sign_bits(dim_, query, &bits_[i * store.bit_stride()]);
  }
}

void Queries::score(const RowStore& store, size_t query, const int32_t* rows, float* scores) const {
  if (form_ == Storage::kFp32) {
    const float* x[kRowsAtOnce];
    for (size_t i = 0; i < kRowsAtOnce; ++i) x[i] = store.fp32(size_t(rows[i]));
    dot_rows(store.fp32_stride(), fp32_.data() + query * store.fp32_stride(), x, scores);
    return;
  }
  int32_t sums[kRowsAtOnce];
  if (form_ == Storage::kInt8) {
    const int8_t* x[kRowsAtOnce];
    int32_t row_sums[kRowsAtOnce];
    float scales[kRowsAtOnce];
    for (size_t i = 0; i < kRowsAtOnce; ++i) {
      x[i] = store.int8(size_t(rows[i]));
      const RowStore::Int8Tail& tail = store.int8_tail(x[i]);
      row_sums[i] = tail.sum;
      scales[i] = tail.scale;
    }
    dot_rows(int8_.form(), store.int8_values(), int8_.row(query), x, row_sums, sums);
    for (size_t i = 0; i < kRowsAtOnce; ++i) scores[i] = float(sums[i]) * scales[i];
    return;
  }
  const uint8_t* x[kRowsAtOnce];
  for (size_t i = 0; i < kRowsAtOnce; ++i) x[i] = store.bits(size_t(rows[i]));
  hamming_rows(store.bit_stride(), &bits_[query * store.bit_stride()], x, sums);
  for (size_t i = 0; i < kRowsAtOnce; ++i) scores[i] = float(-sums[i]);
}

void scan(const RowStore& store, const Queries& queries, size_t first, const RowSet& set,
          std::span<TopK> best) {
  std::vector<std::vector<TopK>> found(thread_count());  // by thread, for each query
  for (std::vector<TopK>& mine : found) {
    mine.reserve(best.size());
    for (const TopK& one : best) mine.push_back(one.fresh());
  }
  const size_t blocks = (set.count + kBlockRows - 1) / kBlockRows;
  parallel_for_threads(blocks, [&](size_t thread, size_t block) {
    std::vector<TopK>& mine = found[thread];
    int32_t rows[kBlockRows + kRowsAtOnce];
    size_t count = 0;
    const size_t end = std::min(set.count, (block + 1) * kBlockRows);
    for (size_t i = block * kBlockRows; i < end; ++i) {
      const int32_t row = set.rows != nullptr ? set.rows[i] : int32_t(i);
      rows[count] = row;
      count += set.present[row] != 0 && (set.allowed == nullptr || set.allowed[row] != 0);
    }
    if (count == 0) return;
    std::fill_n(rows + count, kRowsAtOnce, rows[0]);  // the last four are whole, and the excess is not kept
    for (size_t tile = 0; tile < count; tile += kCachedRows) {
      const size_t tile_end = std::min(count, tile + kCachedRows);
      for (size_t query = 0; query < best.size(); ++query) {
        for (size_t i = tile; i < tile_end; i += kRowsAtOnce) {
          float scores[kRowsAtOnce];
          queries.score(store, first + query, rows + i, scores);
          for (size_t j = 0; j < std::min(kRowsAtOnce, tile_end - i); ++j) {
            mine[query].push({scores[j], rows[i + j]});
          }
        }
      }
    }
  });
  for (const std::vector<TopK>& mine : found) {
    for (size_t query = 0; query < mine.size(); ++query) best[query].merge(mine[query]);
  }
}

}  // namespace vitreous
