// The glue names SharedArrayBuffer, which pages that are not isolated do not have; the build puts this in its place.
export const SharedArrayBuffer = globalThis.SharedArrayBuffer ?? class {};
