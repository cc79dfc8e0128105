/**
 * Every failure this library reports. `code` is stable: test it, not the message. The message names the thing and
 * says what to do.
 *
 * | code | when |
 * |---|---|
 * | `INVALID_ARGUMENT` | an option or argument outside its range |
 * | `INVALID_IMAGE` | an image that is empty, cannot be decoded, or whose bytes do not fit its size |
 * | `UNKNOWN_MODEL` | no model of that name |
 * | `NO_HEAD` | classes asked of a model without a classifier |
 * | `UNSUPPORTED` | this browser, or this version of the library, cannot do that |
 * | `OUT_OF_MEMORY` | not enough memory, or not within `maxMemory` |
 * | `NETWORK` | a file could not be fetched, or its connection broke or stalled, also after several tries |
 * | `MIXED_CONTENT` | an http address on an https page |
 * | `REDIRECT_LOOP` | the server redirects without end (where the platform tells: Node does, browsers say `NETWORK`) |
 * | `NOT_FOUND` | the server has no such file, or the hub no such model |
 * | `UNAUTHORIZED` | the server wants a token, or another one; the model may be gated |
 * | `HTTP_STATUS` | the server answered with another error, also after several tries |
 * | `HTML_PAGE`, `JSON_BODY`, `LFS_POINTER`, `EMPTY_FILE` | that came, and not the file |
 * | `DIGEST_MISMATCH` | the bytes are not those that the hub has recorded |
 * | `CHECKPOINT_FORMAT` | the file is not a checkpoint, or breaks its format |
 * | `CHECKPOINT_OVERSIZED` | a header or tensor too large to be true |
 * | `CHECKPOINT_TRUNCATED` | the file ends before its last tensor does |
 * | `TENSOR_DUPLICATE`, `TENSOR_OVERLAP` | two tensors of one name, or of the same bytes |
 * | `TENSOR_MISSING`, `TENSOR_UNEXPECTED` | the file has not the tensors of this model |
 * | `TENSOR_SHAPE`, `TENSOR_DTYPE`, `TENSOR_NOT_FINITE` | a tensor of the wrong shape or type, or with NaN or infinity |
 * | `ABORTED` | the caller's `AbortSignal`; `name` is then `'AbortError'` and `cause` the signal's reason |
 * | `DISPOSED` | the model was disposed of, or the index closed |
 * | `INDEX_MISMATCH` | the index was made with another model, or with other settings than asked for |
 * | `INDEX_CORRUPT` | the stored index is damaged before its last batch; `repair` keeps what is intact |
 * | `INDEX_LOCKED` | another tab or process is writing to the index |
 * | `STORAGE_FULL` | no room to store more; the index is as it was before, and usable |
 * | `IMPORT_FORMAT` | a file to import is damaged, not whole, or not of its format; the message names the place |
 * | `WRITE_FAILED` | a file or folder could not be written |
 * | `WORKER_FAILED` | the worker could not start, or died (the next call starts another), and what was in it is lost |
 * | `INTERNAL` | a mistake in this library; please report it |
 */
export type ErrorCode =
  | 'INVALID_ARGUMENT'
  | 'INVALID_IMAGE'
  | 'UNKNOWN_MODEL'
  | 'NO_HEAD'
  | 'UNSUPPORTED'
  | 'OUT_OF_MEMORY'
  | 'NETWORK'
  | 'MIXED_CONTENT'
  | 'REDIRECT_LOOP'
  | 'NOT_FOUND'
  | 'UNAUTHORIZED'
  | 'HTTP_STATUS'
  | 'HTML_PAGE'
  | 'JSON_BODY'
  | 'LFS_POINTER'
  | 'EMPTY_FILE'
  | 'DIGEST_MISMATCH'
  | 'CHECKPOINT_FORMAT'
  | 'CHECKPOINT_OVERSIZED'
  | 'CHECKPOINT_TRUNCATED'
  | 'TENSOR_DUPLICATE'
  | 'TENSOR_OVERLAP'
  | 'TENSOR_MISSING'
  | 'TENSOR_UNEXPECTED'
  | 'TENSOR_SHAPE'
  | 'TENSOR_DTYPE'
  | 'TENSOR_NOT_FINITE'
  | 'ABORTED'
  | 'DISPOSED'
  | 'INDEX_MISMATCH'
  | 'INDEX_CORRUPT'
  | 'INDEX_LOCKED'
  | 'STORAGE_FULL'
  | 'IMPORT_FORMAT'
  | 'WRITE_FAILED'
  | 'WORKER_FAILED'
  | 'INTERNAL';

/** See {@link ErrorCode}. */
export class VitreousError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = code === 'ABORTED' ? 'AbortError' : 'VitreousError';
    this.code = code;
  }
}

/** What the engine throws is an Error with a code; it becomes a VitreousError, anything else `INTERNAL`. */
export function toVitreousError(error: unknown): VitreousError {
  if (error instanceof VitreousError) return error;
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const text = typeof message === 'string' ? message : String(error);
  // Node's own codes (ENOENT, …) are upper case too; the engine's come without an errno.
  if (typeof code === 'string' && /^[A-Z_]+$/.test(code) && !(error as { errno?: unknown }).errno) {
    return new VitreousError(code as ErrorCode, text, { cause: error });
  }
  if (isFatal(error)) {
    // What the engine cannot go on without it stops at: that is memory, unless it is a mistake.
    const reason = /unreachable|abort/i.test(text) ? 'OUT_OF_MEMORY' : 'INTERNAL';
    return new VitreousError(reason, `The engine stopped: ${text}. The next call starts it anew.`, {
      cause: error,
    });
  }
  // As the browsers say that there is no room for an ArrayBuffer.
  if (error instanceof RangeError && /alloc|memory/i.test(text))
    return new VitreousError('OUT_OF_MEMORY', `There is not enough memory: ${text}.`, { cause: error });
  return new VitreousError('INTERNAL', text, { cause: error });
}

/** Whether it has stopped the engine in the middle of something, which then can be in any state. */
export function isFatal(error: unknown): boolean {
  return (
    error instanceof WebAssembly.RuntimeError ||
    (error instanceof Error && /call stack|too much recursion/i.test(error.message))
  );
}

/** Throws `ABORTED` when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}

export const disposedError = (what = 'The model') =>
  new VitreousError('DISPOSED', `${what} was disposed of; create it again to use it.`);

export function abortError(signal: AbortSignal): VitreousError {
  return new VitreousError('ABORTED', 'Stopped by the caller’s AbortSignal.', { cause: signal.reason });
}
