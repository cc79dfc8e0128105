// The arithmetic of the recipes, on plain arrays that are copied in and out; nothing here computes.

#include <cstdint>
#include <string>
#include <vector>

#include "config.h"
#include "convert.h"
#include "image/transform.h"
#include "recipes/attention_mask.h"
#include "recipes/copy_descriptor.h"
#include "recipes/correspondence.h"
#include "recipes/feature_bank.h"
#include "recipes/label_propagation.h"
#include "recipes/logistic_regression.h"
#include "recipes/pca.h"
#include "recipes/resize.h"
#include "recipes/vectors.h"

namespace {

using namespace vitreous::bindings;

vt::MapSize map_size(int height, int width) { return {size_t(height), size_t(width)}; }

class FeatureBank {
 public:
  explicit FeatureBank(int dim) : bank_(size_t(dim)) {}

  void add(const val& features, const val& labels) {
    guard([&] {
      const std::vector<int32_t> ids = values<int32_t>(labels);
      bank_.add(ids.size(), values<float>(features).data(), ids.data());
    });
  }
  int remove(int label) { return int(bank_.remove(label)); }
  // Float64Array (queries, classes)
  val scores(const val& queries, int k, double temperature, int classes) {
    return guard([&] {
      const std::vector<float> x = values<float>(queries);
      std::vector<double> scores(x.size() / bank_.dim() * size_t(classes));
      bank_.scores(x.size() / bank_.dim(), x.data(), size_t(k), temperature, size_t(classes), scores.data());
      return array("Float64Array", scores);
    });
  }
  int leave_one_out(int k, double temperature, int classes) {
    return guard([&] { return int(bank_.leave_one_out(size_t(k), temperature, size_t(classes))); });
  }
  // {features: Float32Array (size, dim), labels: Int32Array}
  val contents() {
    return guard([&] {
      return object({{"features", float_array(bank_.features())}, {"labels", int_array(bank_.labels())}});
    });
  }

 private:
  vt::FeatureBank bank_;
};

class LogisticRegression {
 public:
  LogisticRegression(const val& features, int dim, const val& labels, int classes, double c)
      : regression_(guard([&] {
          const std::vector<int32_t> ids = values<int32_t>(labels);
          return vt::LogisticRegression(ids.size(), size_t(dim), values<float>(features).data(), ids.data(),
                                        size_t(classes), c);
        })) {}

  // {iterations, loss, gradient, more}
  val run(int iterations, double tolerance) {
    return guard([&] {
      const bool more = regression_.run(size_t(iterations), tolerance);
      return object({{"iterations", val(double(regression_.iterations()))},
                     {"loss", val(regression_.loss())},
                     {"gradient", val(regression_.gradient())},
                     {"more", val(more)}});
    });
  }
  // {weight: Float32Array (classes, dim), bias: Float32Array (classes)}
  val result() {
    return guard([&] {
      const size_t weights = regression_.classes() * regression_.dim();
      const std::vector<double> bias = regression_.bias();
      return object({{"weight", float_array({regression_.weight(), regression_.weight() + weights})},
                     {"bias", float_array({bias.begin(), bias.end()})}});
    });
  }

 private:
  vt::LogisticRegression regression_;
};

class LabelPropagation {
 public:
  // options: {lastFrames, neighborhood, topk, temperature: number}
  LabelPropagation(int height, int width, int dim, const val& options)
      : propagation_(
            map_size(height, width), size_t(dim),
            {size_t(field<double>(options, "lastFrames")), size_t(field<double>(options, "neighborhood")),
             size_t(field<double>(options, "topk")), field<double>(options, "temperature")}) {}

  void start(const val& features, const val& labels, int classes) {
    guard([&] {
      propagation_.start(values<float>(features).data(), values<uint8_t>(labels).data(), size_t(classes));
    });
  }
  // {soft: Float32Array (classes, height, width), labels: Uint8Array (height, width)}
  val next(const val& features) {
    return guard([&] {
      const std::vector<float> soft = propagation_.next(values<float>(features).data());
      return object({{"soft", float_array(soft)},
                     {"labels", byte_array(vt::largest_class(propagation_.patches(), soft))}});
    });
  }

 private:
  vt::LabelPropagation propagation_;
};

// The rectangle of an image of that size, in its pixels, that the model's input shows; it reaches outside
// where the image is padded.
val input_box(const val& config, int width, int height) {
  return guard([&] {
    vt::Transform transform(data_config(config));
    transform.begin(width, height, /*channels=*/3);
    const vt::SourceBox box = transform.source_box();
    val js = val::object();
    put(js, "x", box.x);
    put(js, "y", box.y);
    put(js, "width", box.width);
    put(js, "height", box.height);
    return js;
  });
}

// x: Float32Array (rows, in) → Float32Array (rows, out) = x · weightᵀ + bias
val logits(const val& x, const val& weight, const val& bias) {
  return guard(
      [&] { return float_array(vt::logits(values<float>(x), values<float>(weight), values<float>(bias))); });
}

// x: Float32Array (rows, dim) → each row divided by its length
val normalize_rows(const val& x, int dim) {
  return guard([&] {
    std::vector<float> rows = values<float>(x);
    for (size_t i = 0; i < rows.size(); i += size_t(dim)) vt::normalize(size_t(dim), rows.data() + i);
    return float_array(rows);
  });
}

// tokens: Float32Array (images, prefix + patches, dim) → Float32Array (images, 2 dim)
val copy_descriptors(const val& tokens, int prefix, int patches, int dim, double p) {
  return guard([&] {
    const std::vector<float> x = values<float>(tokens);
    const size_t images = x.size() / (size_t(prefix + patches) * size_t(dim));
    std::vector<float> out(images * 2 * size_t(dim));
    vt::copy_descriptors(images, size_t(prefix), size_t(patches), size_t(dim), x.data(), p, out.data());
    return float_array(out);
  });
}

// {mean, axes: Float32Array}, for project
val whitening_object(const vt::Projection& whitening) {
  return object({{"mean", float_array(whitening.mean)}, {"axes", float_array(whitening.axes)}});
}

// x: Float32Array (rows, dim); options: {dim, power: number, centered: boolean} → {mean, axes: Float32Array}
val fit_whitening(const val& x, int dim, const val& options) {
  return guard([&] {
    const std::vector<float> rows = values<float>(x);
    const vt::Projection whitening =
        vt::fit_whitening(rows.size() / size_t(dim), size_t(dim), rows.data(),
                          {size_t(field<double>(options, "dim")), field<double>(options, "power"),
                           field<double>(options, "centered") != 0});
    return whitening_object(whitening);
  });
}

// x: Float32Array (rows, dim); y: Float32Array (copies, dim); options: {dim, shrinkage: number} →
// {mean, axes: Float32Array}
val fit_copy_whitening(const val& x, const val& y, int dim, const val& options) {
  return guard([&] {
    const std::vector<float> rows = values<float>(x), copies = values<float>(y);
    const size_t width = size_t(dim);
    const vt::Projection whitening =
        vt::fit_copy_whitening(rows.size() / width, width, rows.data(), copies.size() / width, copies.data(),
                               {size_t(field<double>(options, "dim")), field<double>(options, "shrinkage")});
    return whitening_object(whitening);
  });
}

// x: Float32Array (rows, dim) → Float32Array (rows, axes)
val project(const val& x, const val& mean, const val& axes) {
  return guard([&] {
    vt::Projection projection = {length(mean), length(axes) / length(mean), values<float>(mean),
                                 values<float>(axes)};
    const std::vector<float> rows = values<float>(x);
    std::vector<float> out(rows.size() / projection.dim * projection.count);
    projection.apply(rows.size() / projection.dim, rows.data(), out.data());
    return float_array(out);
  });
}

// tokens: Float32Array (rows, dim); foreground: {threshold: number, above: boolean} or undefined →
// {components: Float32Array (rows, count), rgb: Uint8Array (rows, count), foreground: Uint8Array (rows),
// variance, varianceRatio: Float32Array}
val pca_images(const val& tokens, int dim, int count, const val& foreground) {
  return guard([&] {
    const std::vector<float> x = values<float>(tokens);
    const size_t width = size_t(dim), rows = x.size() / width, components = size_t(count);
    vt::Components pca = vt::principal_components(rows, width, x.data(), components);
    std::vector<uint8_t> mask(rows, 1);
    if (!foreground.isUndefined()) {
      mask = vt::foreground_mask(rows, components, pca.values.data(), field<double>(foreground, "threshold"),
                                 field<double>(foreground, "above") != 0);
      pca = vt::principal_components(rows, width, x.data(), components, mask.data());
    }
    return object({{"components", float_array(pca.values)},
                   {"rgb", byte_array(vt::component_bytes(rows, components, pca.values.data(), mask.data()))},
                   {"foreground", byte_array(mask)},
                   {"variance", float_array(pca.variance)},
                   {"varianceRatio", float_array(pca.variance_ratio)}});
  });
}

// a: Float32Array (patches, dim), b: the same → {a, b: Int32Array (matches), scores: Float32Array (matches)}
val correspond(const val& a, const val& b, int dim, bool mutual, double min_score) {
  return guard([&] {
    const std::vector<float> in_a = values<float>(a), in_b = values<float>(b);
    const size_t width = size_t(dim);
    std::vector<int32_t> from, to;
    std::vector<float> scores;
    for (const vt::Match& match : vt::correspond(in_a.size() / width, in_a.data(), in_b.size() / width,
                                                 in_b.data(), width, mutual, float(min_score))) {
      from.push_back(int32_t(match.a));
      to.push_back(int32_t(match.b));
      scores.push_back(match.score);
    }
    return object({{"a", int_array(from)}, {"b", int_array(to)}, {"scores", float_array(scores)}});
  });
}

// maps: Float32Array (count, patches) → Uint8Array of the same
val threshold_attention(const val& maps, int patches, double threshold) {
  return guard([&] {
    const std::vector<float> x = values<float>(maps);
    std::vector<uint8_t> masks(x.size());
    vt::threshold_attention(x.size() / size_t(patches), size_t(patches), x.data(), threshold, masks.data());
    return byte_array(masks);
  });
}

// planes: Uint8Array (count, from height, from width); region: {x, y, width, height} of them →
// Uint8Array (count, height, width)
val resize_nearest(const val& planes, int from_height, int from_width, const val& region, int height,
                   int width) {
  return guard([&] {
    const std::vector<uint8_t> x = values<uint8_t>(planes);
    const vt::MapSize from = map_size(from_height, from_width), to = map_size(height, width);
    const size_t count = x.size() / (from.height * from.width);
    std::vector<uint8_t> out(count * to.height * to.width);
    vt::resize_nearest(count, from, x.data(),
                       {field<double>(region, "x"), field<double>(region, "y"),
                        field<double>(region, "width"), field<double>(region, "height")},
                       to, out.data());
    return byte_array(out);
  });
}

// soft: Float32Array (classes, grid) → Uint8Array (height, width)
val segment(const val& soft, int grid_height, int grid_width, int patch_size, int height, int width) {
  return guard([&] {
    const std::vector<float> x = values<float>(soft);
    const vt::MapSize grid = map_size(grid_height, grid_width);
    return byte_array(vt::segment(x.size() / (grid.height * grid.width), grid, x.data(), size_t(patch_size),
                                  map_size(height, width)));
  });
}

}  // namespace

EMSCRIPTEN_BINDINGS(recipes) {
  emscripten::class_<FeatureBank>("FeatureBank")
      .constructor<int>()
      .function("add", &FeatureBank::add)
      .function("remove", &FeatureBank::remove)
      .function("scores", &FeatureBank::scores)
      .function("leaveOneOut", &FeatureBank::leave_one_out)
      .function("contents", &FeatureBank::contents);
  emscripten::class_<LogisticRegression>("LogisticRegression")
      .constructor<const val&, int, const val&, int, double>()
      .function("run", &LogisticRegression::run)
      .function("result", &LogisticRegression::result);
  emscripten::class_<LabelPropagation>("LabelPropagation")
      .constructor<int, int, int, const val&>()
      .function("start", &LabelPropagation::start)
      .function("next", &LabelPropagation::next);
  emscripten::function("inputBox", &input_box);
  emscripten::function("logits", &logits);
  emscripten::function("normalizeRows", &normalize_rows);
  emscripten::function("copyDescriptors", &copy_descriptors);
  emscripten::function("fitWhitening", &fit_whitening);
  emscripten::function("fitCopyWhitening", &fit_copy_whitening);
  emscripten::function("project", &project);
  emscripten::function("pcaImages", &pca_images);
  emscripten::function("correspond", &correspond);
  emscripten::function("thresholdAttention", &threshold_attention);
  emscripten::function("resizeNearest", &resize_nearest);
  emscripten::function("segment", &segment);
}
