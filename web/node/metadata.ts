import { open } from 'node:fs/promises';

// Far above the header of any ViT (20 kB), far below what a damaged length could ask for.
const MAX_HEADER_BYTES = 1 << 24;

/** `__metadata__` of a safetensors file; empty where there is none, or the file is none: the engine says what is wrong. */
export async function safetensorsMetadata(path: string): Promise<Record<string, string>> {
  const file = await open(path);
  try {
    const { buffer: head } = await file.read(Buffer.alloc(8), 0, 8, 0);
    const size = head.readBigUInt64LE();
    if (size > MAX_HEADER_BYTES) return {};
    const { buffer: header } = await file.read(Buffer.alloc(Number(size)), 0, Number(size), 8);
    return JSON.parse(header.toString())?.__metadata__ ?? {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  } finally {
    await file.close();
  }
}

/** The config.json that an int8 file carries (docs/int8-safetensors.md); undefined for any other file. */
export async function embeddedConfig(path: string): Promise<unknown> {
  const { format, config } = await safetensorsMetadata(path);
  if (format !== 'vitreous-int8' || config === undefined) return undefined;
  try {
    return JSON.parse(config);
  } catch {
    return undefined;
  }
}
