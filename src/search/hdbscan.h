// HDBSCAN*: groups of any number, size and density, and what belongs to none. Campello, Moulavi and Sander,
// Density-Based Clustering Based on Hierarchical Density Estimates, 2013; labels as
// sklearn.cluster.HDBSCAN gives them, but that a point which joins several clusters at the same distance is
// in none: there it is in one of them, by the order of sorting.
//
// The hierarchy is that of the graph of each point's k nearest neighbours: the work grows with n · k instead
// of n². With k = n - 1 it is exactly HDBSCAN*'s; with fewer, points that no path of neighbours joins are
// taken to be infinitely far apart. Neighbours that join parts may stand behind the nearest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vitreous {

struct HdbscanOptions {
  size_t min_cluster_size = 5;  // from 2 on
  size_t min_samples = 5;       // neighbours that make a point's density, itself included: 1 to k + 1
};

struct Clusters {
  std::vector<int32_t> labels;       // (n): 0, 1, …, the largest cluster first; -1: in none
  std::vector<float> probabilities;  // (n): how deep in its cluster, 0 to 1; 0: in none
};

// neighbours: (n, k), points 0 … n - 1, the nearest first and never the point itself; -1 where there are
// fewer. distances: (n, k). Throws INVALID_ARGUMENT for options out of range or a neighbour that is no other
// point.
Clusters hdbscan(size_t n, std::span<const int32_t> neighbours, std::span<const float> distances,
                 const HdbscanOptions& options);

}  // namespace vitreous
