#include "search/hdbscan.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "base/error.h"

namespace vitreous {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLeastDistance = 1e-7;  // of copies, whose density would be infinite: what floats round to

struct Edge {
  int32_t a, b;  // a < b
  double distance;
};

// Of the dendrogram. Nodes 0 … n - 1 are the points, n + i is what merge i made.
struct Merge {
  int32_t left, right;
  double distance;
};

// Mutual reachability of each point and its neighbours, nearest first.
std::vector<Edge> reachability(size_t n, size_t k, const int32_t* neighbours, const float* distances,
                               size_t min_samples) {
  std::vector<double> core(n);
  for (size_t i = 0; i < n && min_samples > 1; ++i) {
    const size_t last = i * k + min_samples - 2;
    core[i] = neighbours[last] < 0 ? kInfinity : double(distances[last]);
  }
  std::vector<Edge> edges;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = i * k; j < (i + 1) * k; ++j) {
      if (neighbours[j] < 0) continue;
      const auto [a, b] = std::minmax({int32_t(i), neighbours[j]});
      const double distance = std::max({core[size_t(a)], core[size_t(b)], double(distances[j])});
      edges.push_back({a, b, std::max(distance, kLeastDistance)});
    }
  }
  std::sort(edges.begin(), edges.end(), [](const Edge& x, const Edge& y) {
    return x.distance != y.distance ? x.distance < y.distance : x.a != y.a ? x.a < y.a : x.b < y.b;
  });
  return edges;
}

// Single linkage: Kruskal's minimum spanning tree, and what it does not reach joined at infinity.
class Dendrogram {
 public:
  Dendrogram(size_t n, const std::vector<Edge>& edges) : parents_(2 * n - 1), sizes_(2 * n - 1, 1) {
    std::iota(parents_.begin(), parents_.end(), 0);
    for (const Edge& edge : edges) join(n, edge);
    for (size_t i = 1; i < n; ++i) join(n, {0, int32_t(i), kInfinity});
  }

  const Merge& merge(size_t i) const { return merges_[i]; }
  size_t size(int32_t node) const { return sizes_[size_t(node)]; }

 private:
  int32_t root(int32_t node) {
    int32_t top = node;
    while (parents_[size_t(top)] != top) top = parents_[size_t(top)];
    while (node != top) node = std::exchange(parents_[size_t(node)], top);
    return top;
  }

  void join(size_t n, const Edge& edge) {
    const int32_t left = root(edge.a), right = root(edge.b), made = int32_t(n + merges_.size());
    if (left == right) return;
    parents_[size_t(left)] = parents_[size_t(right)] = made;
    sizes_[size_t(made)] = sizes_[size_t(left)] + sizes_[size_t(right)];
    merges_.push_back({left, right, edge.distance});
  }

  std::vector<int32_t> parents_;
  std::vector<size_t> sizes_;
  std::vector<Merge> merges_;
};

// A cluster of the condensed tree: parents come before their children.
struct Branch {
  int32_t parent;
  double birth;  // densities, 1 / distance
  double death = 0;
  double stability = 0;
};

// The dendrogram from its root down, without the splits that leave fewer than `least` points.
struct CondensedTree {
  std::vector<Branch> branches = {{-1, 0}};
  std::vector<int32_t> branch_of;  // (n): that a point falls out of
  std::vector<double> density_of;  // (n): where it does

  CondensedTree(size_t n, const Dendrogram& tree, size_t least) : branch_of(n), density_of(n) {
    std::vector<std::array<int32_t, 2>> waiting = {{int32_t(2 * n - 2), 0}};  // node, its branch
    while (!waiting.empty()) {
      const auto [node, branch] = waiting.back();
      waiting.pop_back();
      const Merge& merge = tree.merge(size_t(node) - n);
      const double density = 1 / merge.distance;
      const bool split = tree.size(merge.left) >= least && tree.size(merge.right) >= least;
      for (int32_t child : {merge.left, merge.right}) {
        const size_t size = tree.size(child);
        const bool falls_out = size < least;
        if (split || falls_out) {
          Branch& from = branches[size_t(branch)];
          from.stability += (density - from.birth) * double(size);
          from.death = std::max(from.death, density);
        }
        if (falls_out) {
          drop(n, tree, child, branch, density);
        } else if (split) {
          waiting.push_back({child, int32_t(branches.size())});
          branches.push_back({branch, density});
        } else {
          waiting.push_back({child, branch});
        }
      }
    }
  }

 private:
  void drop(size_t n, const Dendrogram& tree, int32_t node, int32_t branch, double density) {
    std::vector<int32_t> nodes = {node};
    while (!nodes.empty()) {
      const int32_t next = nodes.back();
      nodes.pop_back();
      if (size_t(next) < n) {
        branch_of[size_t(next)] = branch;
        density_of[size_t(next)] = density;
      } else {
        nodes.push_back(tree.merge(size_t(next) - n).left);
        nodes.push_back(tree.merge(size_t(next) - n).right);
      }
    }
  }
};

// By excess of mass: for each branch the chosen one that it is in, or -1. The root is none: everything would
// be one cluster.
std::vector<int32_t> chosen_branches(const std::vector<Branch>& branches) {
  std::vector<double> below(branches.size());
  std::vector<uint8_t> better(branches.size());
  for (size_t i = branches.size(); i-- > 1;) {
    better[i] = branches[i].stability >= below[i];
    below[size_t(branches[i].parent)] += std::max(branches[i].stability, below[i]);
  }
  std::vector<int32_t> chosen(branches.size(), -1);
  for (size_t i = 1; i < branches.size(); ++i) {
    chosen[i] = chosen[size_t(branches[i].parent)];
    if (chosen[i] < 0 && better[i]) chosen[i] = int32_t(i);
  }
  return chosen;
}

// Numbers the clusters anew, the largest first, of equal ones that which has the first point.
void order_by_size(std::vector<int32_t>& labels, size_t count) {
  std::vector<size_t> sizes(count), firsts(count, labels.size());
  for (size_t i = labels.size(); i-- > 0;) {
    if (labels[i] < 0) continue;
    sizes[size_t(labels[i])] += 1;
    firsts[size_t(labels[i])] = i;
  }
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t x, size_t y) {
    return sizes[x] != sizes[y] ? sizes[x] > sizes[y] : firsts[x] < firsts[y];
  });
  std::vector<int32_t> renamed(count);
  for (size_t i = 0; i < count; ++i) renamed[order[i]] = int32_t(i);
  for (int32_t& label : labels) {
    if (label >= 0) label = renamed[size_t(label)];
  }
}

void check(size_t n, size_t k, std::span<const int32_t> neighbours, std::span<const float> distances,
           const HdbscanOptions& options) {
  const auto refuse = [](const std::string& message) { throw Error(code::kInvalidArgument, message); };
  if (n * k != neighbours.size() || n * k != distances.size()) refuse("Each point takes as many neighbours.");
  if (options.min_cluster_size < 2) refuse("minClusterSize is from 2 on: one alone is no cluster.");
  if (options.min_samples < 1 || options.min_samples > k + 1) {
    refuse("minSamples is from 1 to " + std::to_string(k + 1) +
           ", the neighbours that are known and itself.");
  }
  for (size_t i = 0; i < n * k; ++i) {
    const int32_t other = neighbours[i];
    if (other < -1 || other >= int64_t(n) || other == int64_t(i / k))
      refuse("A neighbour is no other point.");
    if (other >= 0 && !(distances[i] < kInfinity)) refuse("A distance is no finite number.");
  }
}

}  // namespace

Clusters hdbscan(size_t n, std::span<const int32_t> neighbours, std::span<const float> distances,
                 const HdbscanOptions& options) {
  const size_t k = n == 0 ? 0 : neighbours.size() / n;
  check(n, k, neighbours, distances, options);
  Clusters result = {std::vector<int32_t>(n, -1), std::vector<float>(n)};
  if (n < 2) return result;
  const Dendrogram dendrogram(n,
                              reachability(n, k, neighbours.data(), distances.data(), options.min_samples));
  const CondensedTree tree(n, dendrogram, options.min_cluster_size);
  const std::vector<int32_t> chosen = chosen_branches(tree.branches);
  for (size_t i = 0; i < n; ++i) {
    const int32_t cluster = chosen[size_t(tree.branch_of[i])];
    if (cluster < 0) continue;
    const Branch& branch = tree.branches[size_t(cluster)];
    // Not one that leaves where the cluster begins: it joins several at once, and is no nearer to this one.
    if (tree.density_of[i] <= branch.birth) continue;
    result.labels[i] = cluster;
    result.probabilities[i] = float(std::min(tree.density_of[i] / branch.death, 1.0));
  }
  order_by_size(result.labels, tree.branches.size());
  return result;
}

}  // namespace vitreous
