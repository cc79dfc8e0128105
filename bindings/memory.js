// The glue's own getHeapMax (4 GB but for a page, so that sizes fit 32 bits), with a ceiling that JavaScript may set: memory
// grows no further, and malloc fails there.
addToLibrary({
  $getHeapMax: () => Module.maxMemory ?? 4294901760,
});
