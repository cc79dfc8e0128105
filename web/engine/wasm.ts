import { VitreousError } from '../errors.js';
import type { Variant } from '../types.js';
import { chooseVariant } from './variant.js';

/** Fetches and compiles the best variant for this browser. */
export async function compileEngine(
  urls: Record<Variant, string>,
): Promise<{ variant: Variant; module: WebAssembly.Module }> {
  const variant = chooseVariant();
  const url = urls[variant];
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
  const module = streamed
    ? await WebAssembly.compileStreaming(response)
    : await WebAssembly.compile(await response.arrayBuffer());
  return { variant, module };
}
