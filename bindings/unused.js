// Types that nothing here passes to JavaScript: what handles them would be a good part of the glue.
addToLibrary({
  _embind_register_std_wstring: (_type, _size, _name) => {},
  _embind_register_bigint: (_type, _name, _size, _min, _max) => {},
});
