import { VitreousError } from '../errors.js';

/** Writes a file anew: until it is closed, what was there stays. @throws `STORAGE_FULL`, `WRITE_FAILED` */
export async function writeInto(
  file: FileSystemFileHandle,
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  let to: FileSystemWritableFileStream | undefined;
  try {
    to = await file.createWritable();
    for await (const piece of pieces) await to.write(piece as Uint8Array<ArrayBuffer>);
    await to.close();
  } catch (error) {
    await to?.abort().catch(() => {});
    if (error instanceof VitreousError) throw error;
    const { name, message } = error as Error;
    const code = name === 'QuotaExceededError' ? 'STORAGE_FULL' : 'WRITE_FAILED';
    throw new VitreousError(code, `${file.name} could not be written: ${message}`, { cause: error });
  }
}
