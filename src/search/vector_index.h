// Nearest neighbours among vectors by cosine or inner product: exact, or by lists of near ones (lists.h).
// Rows are numbered 0, 1, 2 … in the order of adding; a removed row keeps its number until compact().
//
// A scan reads one form of the vectors and proposes candidates; what leaves are scores in double precision of
// the vectors as stored, as NumPy computes them in float64, best first, equal ones by row. From floats the
// result is exact: candidates are taken until no other row could be among the best by the error bound of the
// scan. From int8 and sign bits it is not; how many candidates they take is said in vector_index.cc.
// Everything is the same with any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "search/lists.h"
#include "search/row_store.h"
#include "search/scan.h"
#include "search/training.h"

namespace vitreous {

enum class Metric { kCosine, kDot };

struct VectorIndexOptions {
  size_t dim = 0;
  Metric metric = Metric::kCosine;  // cosine: vectors are scaled to length 1 when they are added
  Storage storage = Storage::kFp32;
  bool keep = true;  // floats beside int8 or binary, for exact scores of the candidates
};

struct SearchOptions {
  size_t k = 10;
  double min_score = -std::numeric_limits<double>::infinity();
  const uint8_t* allowed = nullptr;  // (rows()), 0: not to be looked at
  bool exact = true;                 // false: by the lists, where trained
};

// (queries, k) each; -1 and -infinity where there are fewer.
struct Hits {
  std::vector<int32_t> rows;
  std::vector<float> scores;
};

class VectorIndex {
 public:
  // Throws INVALID_ARGUMENT for a dim of 0 or more than kMaxDim.
  static constexpr size_t kMaxDim = 8192;  // up to which sums of int8 products fit (int8_kernel.h)
  explicit VectorIndex(const VectorIndexOptions& options);

  // Gives vectors `first` … `first + count - 1` of those to be added: (count, dim), or (count, row_bytes()).
  using Read = std::function<void(size_t first, size_t count, void* to)>;

  // Adds n vectors, read twice in pieces; returns the number of the first. Throws INVALID_ARGUMENT, and adds
  // none, when one is not finite, zero under cosine, or longer than 1e18.
  size_t add(size_t n, const Read& read);
  size_t add(std::span<const float> vectors);
  // Adds rows that `packed` gave: the same bits again. Throws INVALID_ARGUMENT for what cannot be one.
  size_t add_packed(size_t n, const Read& read);

  // All that is stored of these rows, removed ones too: (n, row_bytes()).
  std::vector<uint8_t> packed(std::span<const int32_t> rows) const;
  size_t row_bytes() const { return store_.packed_bytes(); }
  // As stored, dequantized where the floats are not kept: (n, dim).
  std::vector<float> vectors(std::span<const int32_t> rows) const;

  void remove(std::span<const int32_t> rows);
  size_t rows() const { return store_.rows(); }  // removed ones included
  size_t size() const { return size_; }          // without them

  // queries: (n, dim). Throws INVALID_ARGUMENT for queries as for added vectors.
  Hits search(std::span<const float> queries, const SearchOptions& options) const;

  // Whether an exact search takes longer than a frame, and there are no lists, or as many rows have been
  // added since as they were trained on.
  bool wants_training() const;
  // Divides what is there into lists, which searches that need not be exact use from then on; rows that are
  // added later go into them. What was under way is begun anew. Throws INVALID_ARGUMENT and changes nothing
  // when there are not that many rows.
  void begin_training(const ListOptions& options);
  // Some milliseconds of it, at the end a few exact searches each. Returns whether that was the last.
  bool train_step();
  bool trained() const { return lists_ != nullptr; }
  // What training has learnt, with the list of each row; empty when not trained.
  std::vector<uint8_t> training_state() const;
  // Takes it back, into an index with these rows and perhaps later ones. Throws INVALID_ARGUMENT and changes
  // nothing for what cannot be of this one.
  void restore(std::span<const uint8_t> state);

  // Lets go of removed rows; the others move up and keep their order. By old row the new one, -1 for removed.
  std::vector<int32_t> compact();

  size_t dim() const { return store_.dim(); }

 private:
  struct Exact {
    double score;
    int32_t row;
  };
  struct Training {
    ListTraining lists;
    std::vector<size_t> at_rank;  // (lists): neighbours, by the rank of the list that they are in
    size_t asked = 0;
  };

  void check_rows(std::span<const int32_t> rows) const;
  // Throws unless x, (dim), can be stored or asked with; `what` names it.
  double checked_norm(const float* x, const char* what, size_t number) const;
  size_t append(size_t n, const std::function<void(size_t piece_first, size_t count)>& piece);
  std::vector<int32_t> present_rows() const;
  // The score of a row in double precision; `scratch`: (dim)
  double score(const Queries& queries, size_t query, int32_t row, float* scratch) const;
  // The best k of the candidates.
  std::vector<Exact> rescore(const Queries& queries, size_t query, const TopK& candidates, size_t k) const;
  // The best k by the floats, given what a scan of them has proposed.
  std::vector<Exact> best_by_floats(const Queries& floats, size_t query, const RowSet& set, const TopK& found,
                                    size_t k) const;
  // The best k of each query, whatever their scores. queries: (n, dim)
  std::vector<std::vector<Exact>> nearest(std::span<const float> queries, const RowSet& set, size_t k) const;
  // Rows that a search by the lists looks at.
  std::vector<int32_t> probed(const float* query, const SearchOptions& options) const;
  // Asks some rows for their neighbours, and counts the ranks of the lists that those are in. Returns whether
  // there are more to ask.
  bool measure_step(Training& training) const;

  Metric metric_;
  RowStore store_;
  std::vector<uint8_t> present_;  // (rows), 0: removed
  size_t size_ = 0;
  double longest_ = 0;  // norm of a row that is or was here
  std::unique_ptr<Lists> lists_;
  std::unique_ptr<Training> training_;  // under way
};

}  // namespace vitreous
