// Pickles that try something: each is refused, with the opcode or global that it tried it with. Written byte
// by byte as Lib/pickletools.py of CPython documents them.
#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/torch_file.h"

namespace vitreous::test {
namespace {

using namespace std::string_literals;

struct Hostile {
  const char* what;
  std::string pickle;
  const char* code;
  std::vector<std::string> says;
};

std::string repeated(size_t times, const std::string& bytes) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += bytes;
  return all;
}

const std::string kFloats = storage("0", 4);  // 16 bytes are there for it
std::string with_tensor(const std::string& value) { return pickled(dict({{"w", value}})); }

void expect_refused(const std::vector<Hostile>& all) {
  for (const Hostile& one : all) {
    SCOPED_TRACE(one.what);
    const std::string file = torch_file(one.pickle, {{"0", std::string(16, '\0')}});
    expect_error(one.code, one.says, [&] { load<TorchReader>(file); });
    if (file.size() < 100'000) expect_error(one.code, one.says, [&] { load_by_bytes<TorchReader>(file); });
  }
}

std::string refused(const std::string& opcode) { return "the opcode " + opcode + " is not allowed"; }

TEST(HostilePickle, WouldRunCode) {
  const char* format = code::kCheckpointFormat;
  const std::string call = "(" + text("id") + "tR.";
  expect_refused({
      {"os.system by REDUCE",
       "\x80\x02" + global("posix", "system") + call,
       format,
       {"GLOBAL", "\"posix.system\""}},
      {"os.system as Python 2 names it",
       "\x80\x02" + global("os", "system") + call,
       format,
       {"\"os.system\""}},
      {"eval", "\x80\x02" + global("__builtin__", "eval") + call, format, {"\"__builtin__.eval\""}},
      {"exec by STACK_GLOBAL",
       "\x80\x04\x8c\x08"
       "builtins\x8c\x04"
       "exec\x93" +
           call,
       format,
       {"STACK_GLOBAL", "\"builtins.exec\""}},
      {"getattr", "\x80\x02" + global("builtins", "getattr") + call, format, {"\"builtins.getattr\""}},
      {"subprocess", "\x80\x02" + global("subprocess", "Popen") + call, format, {"\"subprocess.Popen\""}},
      {"an import alone", "\x80\x02" + global("antigravity", "fly") + ".", format, {"\"antigravity.fly\""}},
      {"torch's own loader", "\x80\x02" + global("torch", "load") + call, format, {"\"torch.load\""}},
      {"torch.hub", "\x80\x02" + global("torch.hub", "load") + call, format, {"\"torch.hub.load\""}},
      {"an attribute of what is allowed",
       "\x80\x04" + text("collections") + text("OrderedDict.__init__.__globals__") + "\x93.",
       format,
       {"\"collections.OrderedDict.__init__.__globals__\""}},
      {"a dotted module",
       "\x80\x02" + global("collections.OrderedDict", "") + ".",
       format,
       {"\"collections.OrderedDict.\""}},
      {"argparse.Namespace",
       "\x80\x02" + global("argparse", "Namespace") + ")\x81.",
       format,
       {"\"argparse.Namespace\"", "torch.save"}},
      {"numpy's scalar",
       "\x80\x02" + global("numpy.core.multiarray", "scalar") + ".",
       format,
       {"\"numpy.core.multiarray.scalar\""}},
      {"INST", "\x80\x02(iposix\nsystem\n.", format, {refused("INST")}},
      {"OBJ", "\x80\x02(" + global("collections", "OrderedDict") + "o.", format, {refused("OBJ")}},
      {"NEWOBJ", "\x80\x02" + global("collections", "OrderedDict") + ")\x81.", format, {refused("NEWOBJ")}},
      {"NEWOBJ_EX",
       "\x80\x04" + global("collections", "OrderedDict") + ")}\x92.",
       format,
       {refused("NEWOBJ_EX")}},
      {"EXT1", "\x80\x02\x82\x01.", format, {refused("EXT1")}},
      {"EXT2", "\x80\x02\x83\x01\x01.", format, {refused("EXT2")}},
      {"EXT4", "\x80\x02\x84\x01\x01\x01\x01.", format, {refused("EXT4")}},
      {"PERSID", "\x80\x02Pstorage\n.", format, {refused("PERSID")}},
      {"BUILD with __setstate__ of a global",
       "\x80\x02" + global("collections", "OrderedDict") + "}b.",
       format,
       {"BUILD needs an OrderedDict"}},
      {"BUILD with a tuple of states",
       "\x80\x02" + ordered_dict() +
           "}}\x86"
           "b.",
       format,
       {"BUILD needs a dict"}},
      {"BUILD on a tensor",
       with_tensor(tensor(kFloats, {4}, {1}) + "}b"),
       format,
       {"BUILD needs an OrderedDict"}},
      {"REDUCE of a string", "\x80\x02" + text("os.system") + ")R.", format, {"REDUCE needs a callable"}},
      {"REDUCE of a storage class",
       "\x80\x02" + global("torch", "FloatStorage") + ")R.",
       format,
       {"\"torch.FloatStorage\"", "no function"}},
      {"REDUCE of a dtype",
       "\x80\x02" + global("torch", "float16") + ")R.",
       format,
       {"\"torch.float16\"", "no function"}},
      {"OrderedDict with arguments",
       "\x80\x02" + global("collections", "OrderedDict") + "]\x85R.",
       format,
       {"OrderedDict with arguments"}},
      {"REDUCE without a tuple",
       "\x80\x02" + global("collections", "OrderedDict") + "]R.",
       format,
       {"a tuple"}},
      {"_rebuild_tensor_v2 without arguments",
       "\x80\x02" + global("torch._utils", "_rebuild_tensor_v2") + ")R.",
       format,
       {"wrong number"}},
      {"_rebuild_parameter of a dict",
       "\x80\x02" + global("torch._utils", "_rebuild_parameter") + "}\x88}\x87R.",
       format,
       {"_rebuild_parameter"}},
      {"_rebuild_parameter_with_state",
       "\x80\x02" + global("torch._utils", "_rebuild_parameter_with_state") + ".",
       format,
       {"\"torch._utils._rebuild_parameter_with_state\""}},
      {"BYTEARRAY8", "\x80\x05\x96" + le(1, 8) + "x.", format, {refused("BYTEARRAY8")}},
      {"NEXT_BUFFER", "\x80\x05\x97.", format, {refused("NEXT_BUFFER")}},
  });
}

TEST(HostilePickle, WouldTakeMemoryOrTime) {
  const char* format = code::kCheckpointFormat;
  // A dict that holds the one before twice: 2^40 ways to the tensor at the end.
  std::string laughs = dict({{"t", tensor(kFloats, {1}, {1})}}) + "q\x01";
  for (int i = 0; i < 40; ++i) laughs += "0" + dict({{"a", "h\x01"}, {"b", "h\x01"}}) + "q\x01";
  // The same without POP: each is a value of the next.
  std::string lists = "]q\x01";
  for (int i = 0; i < 40; ++i)
    lists = "](" + lists +
            "h\x01"
            "eq\x01";
  std::string nested_dicts = "}q\x01";
  for (int i = 0; i < 40; ++i) nested_dicts = "}(" + text("a") + nested_dicts + text("b") + "h\x01uq\x01";
  expect_refused({
      {"billion laughs by DUP", "\x80\x02]" + repeated(30, "2\x86") + ".", format, {refused("DUP")}},
      {"billion laughs by POP and memo", pickled(laughs), format, {refused("POP")}},
      {"billion laughs of lists", pickled(dict({{"x", lists}})), format, {"too many values"}},
      {"billion laughs of dicts", pickled(nested_dicts), format, {"too many values"}},
      {"POP_MARK", "\x80\x02(1.", format, {refused("POP_MARK")}},
      {"LONG4 of 2 GB", "\x80\x02\x8b\xff\xff\xff\x7f.", format, {refused("LONG4")}},
      {"LONG4 of a negative size", "\x80\x02\x8b\xff\xff\xff\xff.", format, {refused("LONG4")}},
      {"BINUNICODE8 of 2^63 bytes",
       "\x80\x04\x8d" + le(uint64_t{1} << 63, 8) + ".",
       format,
       {"BINUNICODE8 claims 9223372036854775808 bytes"}},
      {"BINUNICODE of 4 GB", "\x80\x02X\xff\xff\xff\xff.", format, {"BINUNICODE claims 4294967295 bytes"}},
      {"BINBYTES8 of 2^63 bytes",
       "\x80\x04\x8e" + le(uint64_t{1} << 63, 8) + ".",
       format,
       {refused("BINBYTES8")}},
      {"a line without end",
       "\x80\x02"
       "c" +
           std::string(600, 'x'),
       format,
       {"a line of the opcode GLOBAL does not end"}},
      {"values without end",
       "\x80\x02(" + std::string(100'001, '}'),
       format,
       {"more than 100000 values are on the stack"}},
      {"marks without end", "\x80\x02" + std::string(100'001, '('), format, {"MARK is nested too deeply"}},
      {"a million tuples in one another",
       "\x80\x02)" + std::string(1'000'000, '\x85') + ".",
       format,
       {"more than 1000000 values"}},
      {"memo bomb",
       "\x80\x02}" +
           [] {
             std::string puts;
             for (uint32_t i = 0; i <= 1'000'000; ++i) puts += "r" + le(0xffffffff - i, 4);
             return puts;
           }(),
       format,
       {"remembers more than 1000000"}},
      {"a list that holds itself",
       pickled(dict({{"x",
                      "]q\x01h\x01"
                      "a"}})),
       format,
       {"more than 64 deep"}},
      {"a dict that holds itself", pickled("}q\x01" + text("x") + "h\x01s"), format, {"more than 64 deep"}},
      {"dicts 65 deep",
       pickled(repeated(65, "}" + text("d")) + "}" + std::string(65, 's')),
       format,
       {"more than 64 deep"}},
      {"names without end",
       pickled(dict({{std::string(600, 'n'), tensor(kFloats, {1}, {1})}})),
       format,
       {"longer than 512 bytes"}},
      {"too many tensors",
       pickled("}q\x01" + text("l") + "](" + tensor(kFloats, {1}, {1}) + "q\x02" + repeated(65'536, "h\x02") +
               "es"),
       format,
       {"more than 65536 tensors"}},
      {"33 dimensions",
       with_tensor(tensor(kFloats, std::vector<int64_t>(33, 1), std::vector<int64_t>(33, 1))),
       format,
       {"33 dimensions"}},
  });
}

TEST(HostilePickle, IsNoPickle) {
  const char* format = code::kCheckpointFormat;
  expect_refused({
      {"protocol 6", "\x80\x06}.", format, {"protocol 6, not 2 to 5"}},
      {"protocol 0", "\x80\x00}."s, format, {"protocol 0"}},
      {"text opcodes of protocol 0", "(dp0\n.", format, {refused("DICT")}},
      {"no opcode", "\x80\x02\xff.", format, {"no opcode 0xff"}},
      {"STOP at once", ".", format, {"STOP", "0 values"}},
      {"STOP with two values", "\x80\x02}}.", format, {"2 values"}},
      {"STOP inside a MARK", "\x80\x02}(.", format, {"STOP"}},
      {"nothing to append", "\x80\x02]a.", format, {"APPEND"}},
      {"values under the mark", "\x80\x02}(\x85.", format, {"TUPLE1 finds too few"}},
      {"no mark", "\x80\x02}u.", format, {"SETITEMS finds no MARK"}},
      {"a key without value", "\x80\x02}(" + text("a") + "u.", format, {"key without a value"}},
      {"SETITEM on a list", "\x80\x02]" + text("a") + "Ns.", format, {"SETITEM needs a dict"}},
      {"APPEND to a dict", "\x80\x02}Na.", format, {"APPEND needs a list"}},
      {"a value that was not remembered", "\x80\x02h\x07.", format, {"BINGET asks for value 7"}},
      {"the same by four bytes",
       "\x80\x02j\xff\xff\xff\xff.",
       format,
       {"LONG_BINGET asks for value 4294967295"}},
      {"remembering nothing", "\x80\x02q\x00."s, format, {"BINPUT"}},
      {"STACK_GLOBAL of numbers", "\x80\x04K\x01K\x02\x93.", format, {"STACK_GLOBAL needs two strings"}},
      {"a list for a root", pickled("]"), format, {"does not hold a dict"}},
      {"a number for a root", pickled("K\x01"), format, {"does not hold a dict"}},
      {"more after STOP", pickled("}") + "more", format, {"does not end after the 4 bytes"}},
      {"missing STOP", "\x80\x02}", format, {refused("PERSID")}},  // runs into the descriptor, "PK\7\8"
      {"a key that is a tuple",
       pickled("}" + ("(t" + tensor(kFloats, {1}, {1}) + "s")),
       format,
       {"neither a string nor an integer"}},
  });
}

TEST(HostilePickle, DescribesTensorsThatCannotBe) {
  const char *format = code::kCheckpointFormat, *shape = code::kTensorShape;
  const std::string w = "Tensor \"w\"";
  const int64_t huge = INT64_MAX;
  const auto id = [](const std::string& fields) {
    return with_tensor(tensor("(" + fields + "tQ", {1}, {1}));
  };
  const std::string cls = global("torch", "FloatStorage"), one = integer(1);
  expect_refused({
      {"negative size", with_tensor(tensor(kFloats, {-1}, {1})), shape, {w, "negative"}},
      {"negative stride", with_tensor(tensor(kFloats, {2}, {-1}, 3)), shape, {w, "negative"}},
      {"negative offset", with_tensor(tensor(kFloats, {2}, {1}, -1)), shape, {w, "negative"}},
      {"offset beyond the storage",
       with_tensor(tensor(kFloats, {1}, {1}, 4)),
       shape,
       {w, "element 4 of storage \"0\", which has 4"}},
      {"extent beyond the storage", with_tensor(tensor(kFloats, {2}, {1}, 3)), shape, {w, "element 4"}},
      {"stride beyond the storage", with_tensor(tensor(kFloats, {2}, {4})), shape, {w, "element 4"}},
      {"stride overflow", with_tensor(tensor(kFloats, {3}, {huge})), shape, {w, "2^63"}},
      {"offset overflow", with_tensor(tensor(kFloats, {2}, {huge}, 1)), shape, {w, "2^63"}},
      {"count overflow", with_tensor(tensor(kFloats, {huge, huge}, {0, 0})), shape, {w, "2^63"}},
      {"count overflow in bytes", with_tensor(tensor(kFloats, {huge / 8}, {0})), shape, {w, "2^59"}},
      {"a billion elements of one",
       with_tensor(tensor(kFloats, {1'000'000'000}, {0})),
       shape,
       {w, ".contiguous()"}},
      {"strides for other dimensions",
       with_tensor(tensor(kFloats, {2, 2}, {1})),
       format,
       {"2 dimensions and 1 strides"}},
      {"a shape of strings",
       with_tensor(global("torch._utils", "_rebuild_tensor_v2") + "(" + kFloats + "K\x00("s + text("4") +
                   "t(K\x01t\x89" + ordered_dict() + "tR"),
       format,
       {"not of integers"}},
      {"negative numel",
       with_tensor(tensor(storage("0", -4), {1}, {1})),
       format,
       {"storage \"0\" claims -4 elements"}},
      {"numel of 2^63",
       with_tensor(tensor(storage("0", huge), {1}, {1})),
       format,
       {"claims 9223372036854775807"}},
      {"storages beyond any file",
       pickled(dict({{"a", tensor(storage("0", int64_t{1} << 51), {1}, {1})},
                     {"b", tensor(storage("1", int64_t{1} << 51), {1}, {1})}})),
       format,
       {"more bytes of tensors"}},
      {"storage larger than its entry",
       with_tensor(tensor(storage("0", 5), {5}, {1})),
       format,
       {"\"model/data/0\" (tensor \"w\")", "20 bytes"}},
      {"storage smaller than its entry",
       with_tensor(tensor(storage("0", 3), {3}, {1})),
       format,
       {"\"model/data/0\" (tensor \"w\")", "12 bytes"}},
      {"a storage of two sizes",
       pickled(dict({{"a", tensor(kFloats, {1}, {1})}, {"b", tensor(storage("0", 3), {1}, {1})}})),
       format,
       {"\"0\" is described twice"}},
      {"a storage of two types",
       pickled(
           dict({{"a", tensor(kFloats, {1}, {1})}, {"b", tensor(storage("0", 8, "HalfStorage"), {1}, {1})}})),
       format,
       {"\"0\" is described twice"}},
      {"a storage that is not there",
       with_tensor(tensor(storage("1", 4), {4}, {1})),
       format,
       {"\"model/data/0\" too many"}},
      {"an id of four fields",
       id(text("storage") + cls + text("0") + one),
       format,
       {"BINPERSID describes no storage"}},
      {"an id of another kind",
       id(text("module") + cls + text("0") + text("cpu") + one),
       format,
       {"BINPERSID describes no storage"}},
      {"an id with a function",
       id(text("storage") + global("collections", "OrderedDict") + text("0") + text("cpu") + one),
       format,
       {"BINPERSID describes no storage"}},
      {"an id that is a string",
       with_tensor(tensor(text("0") + "Q", {1}, {1})),
       format,
       {"BINPERSID describes no storage"}},
      {"a quantized storage",
       with_tensor(tensor(storage("0", 4, "QUInt8Storage"), {1}, {1})),
       format,
       {"\"torch.QUInt8Storage\""}},
      {"one name twice",
       pickled(dict({{"a.b", tensor(kFloats, {1}, {1})}, {"a", dict({{"b", tensor(kFloats, {1}, {1})}})}})),
       code::kTensorDuplicate,
       {"Tensor \"a.b\""}},
      {"a type that is not read",
       with_tensor(tensor(storage("0", 2, "DoubleStorage"), {2}, {1})),
       code::kTensorDtype,
       {w, "torch.float64"}},
  });
}

// Without a STOP, and cut anywhere: the file's sizes say that the pickle is not whole.
TEST(HostilePickle, CutAnywhereWithARightChecksum) {
  const std::string whole = with_tensor(tensor(kFloats, {4}, {1}));
  for (size_t size = 0; size < whole.size(); ++size) {
    std::vector<ZipEntry> entries = torch_entries(whole.substr(0, size), {{"0", std::string(16, '\0')}});
    entries[0].flags = 0;
    expect_error(code::kCheckpointFormat, {"ends before its pickle's STOP"},
                 [&] { load<TorchReader>(zip_file(entries)); });
  }
  EXPECT_EQ(load<TorchReader>(torch_file(whole, {{"0", std::string(16, '\0')}})).order,
            std::vector<std::string>{"w"});
}

}  // namespace
}  // namespace vitreous::test
