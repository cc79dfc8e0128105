// The glue's own getHeapMax, but for a ceiling that JavaScript sets: memory grows no further, and malloc fails there.
addToLibrary({
  $getHeapMax: () => Module['maxMemory'] ?? {{{ FOUR_GB - WASM_PAGE_SIZE }}},
});
