import { VitreousError } from '../errors.js';
import type { Variant } from '../types.js';
import type { ModuleName } from './module.js';

/** The file of a module. */
export const wasmFile = (name: ModuleName, variant: Variant) =>
  name === 'model' ? (`vitreous-${variant}.wasm` as const) : (`vitreous-tools-${variant}.wasm` as const);
export type WasmFile = ReturnType<typeof wasmFile>;

/** Fetches and compiles a module. */
export async function compileEngine(url: string): Promise<WebAssembly.Module> {
  const response = await fetch(url).catch((cause) => {
    throw new VitreousError('NETWORK', `The engine (${url}) could not be fetched.`, { cause });
  });
  if (!response.ok) {
    throw new VitreousError(
      'HTTP_STATUS',
      `The engine (${url}) answered ${response.status}: serve the .wasm files of the package's dist folder there, or set assetBase.`,
    );
  }
  // Browsers keep the compiled code of a streamed module; servers that do not know the type still work.
  const streamed = response.headers.get('content-type')?.startsWith('application/wasm');
  return streamed
    ? WebAssembly.compileStreaming(response)
    : WebAssembly.compile(await response.arrayBuffer());
}
