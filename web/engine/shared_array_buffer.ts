// The glue names SharedArrayBuffer, which pages that are not isolated do not have; the build puts this in its place.
const sharedArrayBuffer = globalThis.SharedArrayBuffer ?? class {};

export { sharedArrayBuffer as SharedArrayBuffer };
