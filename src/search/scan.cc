#include "search/scan.h"

#include <algorithm>
#include <cmath>

#include "base/thread_pool.h"
#include "search/dot.h"

namespace vitreous {
namespace {

constexpr size_t kBlockRows = 512;  // what a thread takes at a time: long streams, of a quarter each
constexpr size_t kCachedRows = 2;   // of each part: they stay in the first-level cache for all queries
static_assert(kBlockRows % kRowsAtOnce == 0);  // the last four of a block are in it too

}  // namespace

Queries::Queries(const RowStore& store, Storage form, std::span<const float> x, bool normalize)
    : dim_(store.dim()), form_(form), exact_(x.begin(), x.end()), norms_(x.size() / dim_) {
  const size_t stride = store.fp32_stride();
  if (form == Storage::kFp32) fp32_ = Buffer(count() * stride);
  if (form == Storage::kInt8) int8_.resize(count() * store.int8_values());
  if (form == Storage::kBinary) bits_.resize(count() * store.bit_stride());
  for (size_t i = 0; i < count(); ++i) {
    const float* query = x.data() + i * dim_;
    norms_[i] = std::sqrt(dot_double(dim_, query, exact(i)).xx);
    if (form == Storage::kFp32) {
      const double scale = normalize ? 1 / norms_[i] : 1;
      for (size_t k = 0; k < dim_; ++k) fp32_.data()[i * stride + k] = float(query[k] * scale);
    }
    if (form == Storage::kInt8) {
      float most = 0;
      for (size_t k = 0; k < dim_; ++k) most = std::max(most, std::abs(query[k]));
      const double scale = most > 0 ? kQueryMax / double(most) : 0;
      for (size_t k = 0; k < dim_; ++k) {
        int8_[i * store.int8_values() + k] = QueryValue(std::lrint(query[k] * scale) + kQueryOffset);
      }
    }
    if (form == Storage::kBinary) sign_bits(dim_, query, &bits_[i * store.bit_stride()]);
  }
}

void Queries::score(const RowStore& store, size_t query, const int32_t* rows, size_t part, size_t count,
                    float* scores) const {
  for (size_t i = 0; i < count; ++i, scores += kRowsAtOnce) {
    const auto row = [&](size_t j) { return size_t(rows[i + j * part]); };
    int32_t sums[kRowsAtOnce];
    if (form_ == Storage::kFp32) {
      const float* x[kRowsAtOnce];
      for (size_t j = 0; j < kRowsAtOnce; ++j) x[j] = store.fp32(row(j));
      dot_rows(store.fp32_stride(), fp32_.data() + query * store.fp32_stride(), x, scores);
    } else if (form_ == Storage::kInt8) {
      const int8_t* x[kRowsAtOnce];
      for (size_t j = 0; j < kRowsAtOnce; ++j) x[j] = store.int8(row(j));
      dot_rows(store.int8_values(), &int8_[query * store.int8_values()], x, sums);
      // What lies behind the values is read after them: the processor does not wait for it then.
      for (size_t j = 0; j < kRowsAtOnce; ++j) {
        const RowStore::Int8Tail& tail = store.int8_tail(x[j]);
        scores[j] = float(sums[j] - kQueryOffset * tail.sum) * tail.scale;
      }
    } else {
      const uint8_t* x[kRowsAtOnce];
      for (size_t j = 0; j < kRowsAtOnce; ++j) x[j] = store.bits(row(j));
      hamming_rows(store.bit_stride(), &bits_[query * store.bit_stride()], x, sums);
      for (size_t j = 0; j < kRowsAtOnce; ++j) scores[j] = float(-sums[j]);
    }
  }
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
    int32_t rows[kBlockRows];
    size_t count = 0;
    const size_t end = std::min(set.count, (block + 1) * kBlockRows);
    for (size_t i = block * kBlockRows; i < end; ++i) {
      const int32_t row = set.rows != nullptr ? set.rows[i] : int32_t(i);
      rows[count] = row;
      count += set.present[row] != 0 && (set.allowed == nullptr || set.allowed[row] != 0);
    }
    // A row of every quarter is read at a time: see dot.h.
    const size_t part = (count + kRowsAtOnce - 1) / kRowsAtOnce;
    std::fill(rows + count, rows + part * kRowsAtOnce, rows[0]);  // read, but not kept
    const size_t tile_rows = best.size() > 1 ? kCachedRows : part;
    for (size_t tile = 0; tile < part; tile += tile_rows) {
      const size_t tile_end = std::min(part, tile + tile_rows);
      for (size_t query = 0; query < best.size(); ++query) {
        float scores[kBlockRows];
        queries.score(store, first + query, rows + tile, part, tile_end - tile, scores);
        const float* score = scores;
        for (size_t i = tile; i < tile_end; ++i) {
          for (size_t row = i; row < part * kRowsAtOnce; row += part, ++score) {
            if (row < count) mine[query].push({*score, rows[row]});
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
