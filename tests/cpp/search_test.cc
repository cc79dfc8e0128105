// The vector index: against NumPy's exact neighbours in tests/goldens/search
// (tests/oracle/make_search_goldens.py), and what it does with rows, threads and bad input.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/thread_pool.h"
#include "search/vector_index.h"
#include "support/expect_error.h"
#include "support/golden.h"

namespace vitreous::test {
namespace {

constexpr size_t kDim = 37, kRows = 400, kQueries = 6;
const float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> golden(const std::string& name) {
  return read_npy<float>(golden_path("search/" + name + ".npy")).data;
}
std::vector<double> golden_scores(const std::string& name) {
  return read_npy<double>(golden_path("search/" + name + ".npy")).data;
}

VectorIndex golden_index(Metric metric, Storage storage = Storage::kFp32, bool keep = true) {
  VectorIndex index({.dim = kDim, .metric = metric, .storage = storage, .keep = keep});
  index.add(golden("rows"));
  return index;
}

std::vector<int32_t> rows_where(size_t rows, const std::function<bool(size_t)>& chosen) {
  std::vector<int32_t> some;
  for (size_t row = 0; row < rows; ++row) {
    if (chosen(row)) some.push_back(int32_t(row));
  }
  return some;
}

void train(VectorIndex& index, const ListOptions& options) {
  index.begin_training(options);
  while (!index.train_step()) {
  }
}

// Clusters of vectors, like embeddings.
std::vector<float> clustered(size_t rows, size_t dim, uint32_t seed) {
  constexpr size_t kLatent = 8, kClusters = 40;
  uint32_t state = 1;
  const auto next = [&state] {
    state = state * 1664525 + 1013904223;
    return float(state >> 8) * 0x1p-23f - 1;
  };
  std::vector<float> turn(kLatent * dim), centers(kClusters * kLatent), x(rows * dim);
  for (float& value : turn) value = next();
  for (float& value : centers) value = next();
  state = seed;
  for (size_t row = 0; row < rows; ++row) {
    const size_t cluster = size_t((next() + 1) / 2 * kClusters) % kClusters;
    for (size_t l = 0; l < kLatent; ++l) {
      const float z = centers[cluster * kLatent + l] + 0.6f * next();
      for (size_t k = 0; k < dim; ++k) x[row * dim + k] += z * turn[l * dim + k];
    }
    for (size_t k = 0; k < dim; ++k) x[row * dim + k] += 0.2f * next();
  }
  return x;
}

// The part of the expected rows that were found.
double agreement(const Hits& hits, const Hits& expected, size_t k) {
  size_t found = 0, all = 0;
  for (size_t i = 0; i < expected.rows.size(); ++i) {
    const auto mine = hits.rows.begin() + ptrdiff_t(i / k * k);
    if (expected.rows[i] < 0) continue;
    ++all;
    found += std::find(mine, mine + ptrdiff_t(k), expected.rows[i]) != mine + ptrdiff_t(k);
  }
  return double(found) / double(all);
}

void expect_same(const Hits& a, const Hits& b) {
  EXPECT_EQ(a.rows, b.rows);
  EXPECT_EQ(a.scores, b.scores);
}

class Golden : public testing::TestWithParam<std::pair<Metric, const char*>> {
 protected:
  void expect_golden(const VectorIndex& index, const std::string& name, const SearchOptions& options) {
    SCOPED_TRACE(name);
    const std::string prefix = std::string(GetParam().second) + "_" + name;
    const auto rows = golden(prefix + "_rows");
    const auto scores = golden_scores(prefix + "_scores");
    const Hits hits = index.search(golden("queries"), options);
    ASSERT_EQ(hits.rows.size(), rows.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      ASSERT_EQ(hits.rows[i], int32_t(rows[i])) << "at " << i;
      if (rows[i] < 0) {
        EXPECT_EQ(hits.scores[i], -kInfinity);
      } else {
        EXPECT_NEAR(hits.scores[i], scores[i], 1e-7 * std::max(1.0, std::abs(scores[i])));
      }
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Metrics, Golden,
                         testing::Values(std::pair(Metric::kCosine, "cosine"),
                                         std::pair(Metric::kDot, "dot")),
                         [](const auto& info) { return std::string(info.param.second); });

TEST_P(Golden, FindsWhatNumPyFinds) {
  VectorIndex index = golden_index(GetParam().first);
  expect_golden(index, "all", {.k = 10});
  expect_golden(index, "min_score", {.k = 10, .min_score = GetParam().first == Metric::kDot ? 7.0 : 0.9});
  std::vector<uint8_t> allowed(kRows);
  for (size_t row = 0; row < kRows; ++row) allowed[row] = row % 7 < 2;
  expect_golden(index, "more_than_rows", {.k = kRows + 5, .allowed = allowed.data()});
  index.remove(rows_where(kRows, [](size_t row) { return row % 3 == 1; }));
  expect_golden(index, "removed", {.k = 10});
  expect_golden(index, "allowed", {.k = 10, .allowed = allowed.data()});
}

TEST_P(Golden, CandidatesOfSmallerFormsAreScoredWithTheFloats) {
  for (const Storage storage : {Storage::kInt8, Storage::kBinary}) {
    expect_golden(golden_index(GetParam().first, storage), "all", {.k = 10});
  }
}

TEST_P(Golden, AllListsTogetherAreExact) {
  VectorIndex index = golden_index(GetParam().first);
  train(index, {.lists = 1});
  expect_golden(index, "all", {.k = 10, .exact = false});
}

TEST(VectorIndex, SmallerFormsAgreeWithTheExactOnes) {
  const auto x = clustered(5000, 192, 3), queries = clustered(64, 192, 4);
  VectorIndex exact({.dim = 192});
  exact.add(x);
  const Hits expected = exact.search(queries, {.k = 10});
  for (const Storage storage : {Storage::kInt8, Storage::kBinary}) {
    VectorIndex index({.dim = 192, .storage = storage, .keep = true});
    index.add(x);
    EXPECT_GE(agreement(index.search(queries, {.k = 10}), expected, 10), 0.995);
  }
  VectorIndex int8({.dim = 192, .storage = Storage::kInt8, .keep = false});
  int8.add(x);
  EXPECT_GE(agreement(int8.search(queries, {.k = 10}), expected, 10), 0.95);
}

TEST(VectorIndex, PackedRowsAreTheSameRowsAgain) {
  for (const Storage storage : {Storage::kFp32, Storage::kInt8, Storage::kBinary}) {
    for (const bool keep : {true, false}) {
      const VectorIndex index = golden_index(Metric::kCosine, storage, keep);
      const auto all = rows_where(kRows, [](size_t) { return true; });
      const auto bytes = index.packed(all);
      ASSERT_EQ(bytes.size(), kRows * index.row_bytes());
      VectorIndex again({.dim = kDim, .storage = storage, .keep = keep});
      again.add_packed(kRows, [&](size_t first, size_t n, void* to) {
        std::copy_n(&bytes[first * index.row_bytes()], n * index.row_bytes(), static_cast<uint8_t*>(to));
      });
      EXPECT_EQ(again.packed(all), bytes);
      EXPECT_EQ(again.vectors(all), index.vectors(all));
      expect_same(again.search(golden("queries"), {.k = 10}), index.search(golden("queries"), {.k = 10}));
    }
  }
}

TEST(VectorIndex, CompactingKeepsTheOrder) {
  VectorIndex index = golden_index(Metric::kCosine);
  train(index, {.lists = 8});
  const auto gone = rows_where(kRows, [](size_t row) { return row % 3 == 1 || row > 350; });
  index.remove(gone);
  index.remove(gone);  // again: nothing more
  EXPECT_EQ(index.rows(), kRows);
  EXPECT_EQ(index.size(), kRows - gone.size());
  const auto queries = golden("queries");
  for (const bool exact : {true, false}) {
    VectorIndex one = golden_index(Metric::kCosine);
    if (!exact) train(one, {.lists = 8});
    one.remove(gone);
    Hits before = one.search(queries, {.k = 10, .exact = exact});
    const auto moved = one.compact();
    EXPECT_EQ(one.rows(), kRows - gone.size());
    for (int32_t& row : before.rows) row = moved[size_t(row)];
    expect_same(one.search(queries, {.k = 10, .exact = exact}), before);
  }
  const auto moved = index.compact();
  EXPECT_EQ(moved[350], int32_t(index.rows()) - 1);
  EXPECT_EQ(moved[349], -1);
}

TEST(VectorIndex, ListsFindNearlyAllAndAreTheSameEveryTime) {
  const auto x = clustered(6000, 64, 3), queries = clustered(1000, 64, 4);
  VectorIndex index({.dim = 64}), again({.dim = 64}), restored({.dim = 64});
  for (VectorIndex* one : {&index, &again, &restored}) one->add(std::span(x).first(5000 * 64));
  train(index, {.lists = 64, .iterations = 8, .seed = 5});
  set_thread_count(2);
  train(again, {.lists = 64, .iterations = 8, .seed = 5});
  set_thread_count(1);
  EXPECT_EQ(index.training_state(), again.training_state());
  restored.restore(index.training_state());
  EXPECT_EQ(restored.training_state(), index.training_state());
  for (VectorIndex* one : {&index, &restored}) one->add(std::span(x).subspan(5000 * 64));  // into the lists

  const SearchOptions by_lists = {.k = 10, .exact = false};
  const Hits exact = index.search(queries, {.k = 10}), near = index.search(queries, by_lists);
  EXPECT_GE(agreement(near, exact, 10), 0.99);
  expect_same(restored.search(queries, by_lists), near);
  EXPECT_NE(near.rows, exact.rows);  // or it would not tell anything

  // A filter that leaves less than what is looked at without one: all that it leaves.
  std::vector<uint8_t> allowed(index.rows());
  for (size_t row = 0; row < allowed.size(); row += 40) allowed[row] = 1;
  expect_same(index.search(queries, {.k = 10, .allowed = allowed.data(), .exact = false}),
              index.search(queries, {.k = 10, .allowed = allowed.data()}));
}

// What comes, goes and moves while the lists are made is in them, or is not.
TEST(VectorIndex, TrainsWhileItChanges) {
  constexpr size_t kWide = 256;  // so that a step is of few rows
  const auto x = clustered(6000, kWide, 3), queries = clustered(100, kWide, 4);
  for (const size_t every : {1, 6}) {  // steps between two changes
    VectorIndex index({.dim = kWide});
    index.add(std::span(x).first(3000 * kWide));
    index.begin_training({.lists = 1024, .iterations = 2});
    size_t added = 3000, steps = 0;
    while (!index.train_step()) {
      EXPECT_FALSE(index.trained());
      if (++steps % every != 0 || added >= 6000) continue;
      index.add(std::span(x).subspan(added * kWide, 500 * kWide));
      added += 500;
      index.remove(rows_where(300, [](size_t row) { return row % 3 != 0; }));
      if (added % 1000 == 0) index.compact();
    }
    EXPECT_GT(steps, 80u);
    EXPECT_TRUE(index.trained());
    EXPECT_TRUE(index.train_step());  // there is nothing more to do
    const Hits exact = index.search(queries, {.k = 10});
    const Hits near = index.search(queries, {.k = 10, .exact = false});
    EXPECT_GE(agreement(near, exact, 10), 0.98) << every;
    EXPECT_NE(near.rows, exact.rows);
    VectorIndex again({.dim = kWide});
    again.add(index.vectors(rows_where(index.rows(), [](size_t) { return true; })));
    again.restore(index.training_state());
    EXPECT_EQ(again.training_state(), index.training_state());
  }
}

TEST(VectorIndex, ListsAreOutgrownWhenAsManyRowsAreNew) {
  const auto rows = golden("rows");
  RowStore store(kDim, Storage::kFp32, false);
  const auto add = [&](size_t n) {
    store.reserve(n);
    for (size_t i = 0; i < n; ++i) store.append(&rows[i * kDim]);
  };
  add(100);
  ListTraining training(store, rows_where(100, [](size_t) { return true; }), {.lists = 5}, true);
  while (training.step(store)) {
  }
  Lists& lists = training.lists();
  lists.set_trained(100);
  add(60);
  lists.add(store);
  Lists restored(store, lists.state());
  for (Lists* one : {&lists, &restored}) EXPECT_FALSE(one->outgrown());
  add(40);
  for (Lists* one : {&lists, &restored}) {
    one->add(store);
    EXPECT_TRUE(one->outgrown());
  }
}

TEST(VectorIndex, WithoutRowsThereIsNoTraining) {
  VectorIndex index = golden_index(Metric::kCosine);
  const auto all = rows_where(kRows, [](size_t) { return true; });
  train(index, {.lists = 8});
  index.begin_training({.lists = 4});
  index.remove(all);
  EXPECT_FALSE(index.trained());
  EXPECT_TRUE(index.train_step());
  EXPECT_FALSE(index.trained());
}

TEST(VectorIndex, TrainingThatDoesNotFitIsRefused) {
  VectorIndex index = golden_index(Metric::kCosine);
  expect_error(code::kInvalidArgument, {"401 lists"}, [&] { train(index, {.lists = 401}); });
  expect_error(code::kInvalidArgument, {"0 lists"}, [&] { train(index, {.lists = 0}); });
  expect_error(code::kInvalidArgument, {"iterations"}, [&] { train(index, {.lists = 4, .iterations = 0}); });
  EXPECT_FALSE(index.trained());
  EXPECT_TRUE(index.training_state().empty());
  train(index, {.lists = 4});
  const auto state = index.training_state();
  VectorIndex fewer({.dim = kDim}), other({.dim = kDim + 1});
  const auto rows = golden("rows");
  fewer.add(std::span(rows).first(kDim * 399));
  for (VectorIndex* one : {&fewer, &other}) {
    expect_error(code::kInvalidArgument, {"train it again"}, [&] { one->restore(state); });
  }
  for (size_t i = 0; i < state.size(); i += 97) {
    expect_error(code::kInvalidArgument, {"train it again"},
                 [&] { index.restore(std::span(state).first(i)); });
  }
  auto damaged = state;
  damaged.back() = 0x7f;  // a list that there is not
  expect_error(code::kInvalidArgument, {"train it again"}, [&] { index.restore(damaged); });
  EXPECT_EQ(index.training_state(), state);
}

TEST(VectorIndex, ThreadsChangeNothing) {
  const auto x = clustered(3000, 48, 3), queries = clustered(40, 48, 4);
  for (const Storage storage : {Storage::kFp32, Storage::kInt8, Storage::kBinary}) {
    VectorIndex index({.dim = 48, .storage = storage, .keep = storage == Storage::kBinary});
    index.add(x);
    const Hits one = index.search(queries, {.k = 25});
    for (const size_t threads : {2, 3}) {
      set_thread_count(threads);
      expect_same(index.search(queries, {.k = 25}), one);
    }
    set_thread_count(1);
  }
}

// More equal scores than candidates: all of them are looked at, and the first rows win.
TEST(VectorIndex, ManyEqualRowsComeInTheirOrder) {
  VectorIndex index({.dim = 5});
  std::vector<float> x;
  for (size_t row = 0; row < 1000; ++row) {
    for (size_t k = 0; k < 5; ++k) x.push_back(row < 500 ? float(k) - 2 : float(k) + 1);
  }
  index.add(x);
  const Hits hits = index.search(std::vector<float>{1, 2, 3, 4, 5}, {.k = 3});
  EXPECT_EQ(hits.rows, (std::vector<int32_t>{500, 501, 502}));
}

TEST(VectorIndex, OneRowAndNone) {
  for (const Storage storage : {Storage::kFp32, Storage::kInt8, Storage::kBinary}) {
    VectorIndex index({.dim = 3, .storage = storage});
    const std::vector<float> query = {0, 2, 0};
    Hits hits = index.search(query, {.k = 2});
    EXPECT_EQ(hits.rows, (std::vector<int32_t>{-1, -1}));
    EXPECT_EQ(hits.scores, (std::vector<float>{-kInfinity, -kInfinity}));
    EXPECT_TRUE(index.compact().empty());
    EXPECT_EQ(index.add(std::vector<float>{0, 5, 0}), 0u);
    hits = index.search(query, {.k = 2});
    EXPECT_EQ(hits.rows, (std::vector<int32_t>{0, -1}));
    EXPECT_EQ(hits.scores[0], 1);
    train(index, {.lists = 1});
    expect_same(index.search(query, {.k = 2, .exact = false}), hits);
    index.remove(std::vector<int32_t>{0});
    EXPECT_EQ(index.search(query, {.k = 2, .exact = false}).rows, (std::vector<int32_t>{-1, -1}));
    index.compact();
    EXPECT_EQ(index.rows(), 0u);
    EXPECT_EQ(index.search(query, {.k = 2, .exact = false}).rows, (std::vector<int32_t>{-1, -1}));
  }
}

TEST(VectorIndex, WhatCannotBeComparedIsRefusedAndChangesNothing) {
  VectorIndex index = golden_index(Metric::kCosine);
  const Hits before = index.search(golden("queries"), {.k = 10});
  std::vector<float> x(300 * kDim, 1);
  const auto refuse = [&](const char* part) {
    expect_error(code::kInvalidArgument, {part}, [&] { index.add(x); });
    EXPECT_EQ(index.rows(), kRows);
    expect_error(code::kInvalidArgument, {part}, [&] { index.search(x, {.k = 1}); });
  };
  x[299 * kDim] = std::nanf("");
  refuse("299 has a NaN");
  x[299 * kDim] = kInfinity;
  refuse("299 has a NaN or an infinity");
  x[299 * kDim] = 1e30f;
  refuse("longer");
  std::fill_n(&x[299 * kDim], kDim, 0.0f);
  refuse("299 is all zeros");
  x.pop_back();
  refuse("numbers are no");
  expect_error(code::kInvalidArgument, {"no row 400"}, [&] { index.remove(std::vector<int32_t>{3, 400}); });
  expect_error(code::kInvalidArgument, {"no row -1"}, [&] { index.packed(std::vector<int32_t>{-1}); });
  expect_error(code::kInvalidArgument, {"k is 0"}, [&] { index.search(golden("queries"), {.k = 0}); });
  expect_error(code::kInvalidArgument, {"Row 0 of these bytes"}, [&] {
    index.add_packed(1, [](size_t, size_t, void* to) { std::fill_n(static_cast<float*>(to), kDim, 1.0f); });
  });
  expect_same(index.search(golden("queries"), {.k = 10}), before);
  EXPECT_EQ(index.size(), kRows);
}

}  // namespace
}  // namespace vitreous::test
