// Groups and maps of an index's vectors, on plain arrays that are copied in and out.

#include <cstdint>
#include <vector>

#include "convert.h"
#include "recipes/pca.h"
#include "search/hdbscan.h"

namespace {

using namespace vitreous::bindings;

// neighbours: Int32Array, distances: Float32Array (n, k) → {labels: Int32Array (n), probabilities:
// Float32Array (n)}
val hdbscan(int n, const val& neighbours, const val& distances, int min_cluster_size, int min_samples) {
  return guard([&] {
    const vt::Clusters clusters =
        vt::hdbscan(size_t(n), values<int32_t>(neighbours), values<float>(distances),
                    {size_t(min_cluster_size), size_t(min_samples)});
    val js = val::object();
    put(js, "labels", int_array(clusters.labels));
    put(js, "probabilities", float_array(clusters.probabilities));
    return js;
  });
}

class PrincipalAxes {
 public:
  explicit PrincipalAxes(int dim) : dim_(size_t(dim)), axes_(dim_) {}

  void add(const val& x) {
    guard([&] {
      const std::vector<float> rows = values<float>(x);
      axes_.add(rows.size() / dim_, rows.data());
    });
  }
  // → {mean: Float32Array (dim), axes: Float32Array (count, dim)}, for `project`
  val fit(int count) const {
    return guard([&] {
      const vt::Projection projection = axes_.fit(size_t(count));
      val js = val::object();
      put(js, "mean", float_array(projection.mean));
      put(js, "axes", float_array(projection.axes));
      return js;
    });
  }

 private:
  size_t dim_;
  vt::PrincipalAxes axes_;
};

}  // namespace

EMSCRIPTEN_BINDINGS(groups) {
  emscripten::function("hdbscan", &hdbscan);
  emscripten::class_<PrincipalAxes>("PrincipalAxes")
      .constructor<int>()
      .function("add", &PrincipalAxes::add)
      .function("fit", &PrincipalAxes::fit);
}
