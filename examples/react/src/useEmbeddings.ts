import { useEffect, useState } from 'react';
import type { VisionTransformer } from 'vitreous';

export interface Embeddings {
  /** Of length 1, by photo. */
  embeddings: ReadonlyMap<File, Float32Array>;
  errors: ReadonlyMap<File, Error>;
  /** How many photos are still to come. */
  left: number;
}

/** The embeddings of photos, each computed once; what is under way stops when the component goes. */
export function useEmbeddings(model: VisionTransformer | undefined, photos: File[]): Embeddings {
  const [results, setResults] = useState<ReadonlyMap<File, Float32Array | Error>>(new Map());
  const next = photos.find((photo) => !results.has(photo));

  useEffect(() => {
    if (!model || !next) return;
    const stop = new AbortController();
    const done = (result: Float32Array | Error) => {
      if (!stop.signal.aborted) setResults((before) => new Map(before).set(next, result));
    };
    model.embed(next, { normalize: true, signal: stop.signal }).then(done, done);
    return () => stop.abort();
  }, [model, next]);

  const embeddings = new Map<File, Float32Array>();
  const errors = new Map<File, Error>();
  for (const photo of photos) {
    const result = results.get(photo);
    if (result instanceof Error) errors.set(photo, result);
    else if (result) embeddings.set(photo, result);
  }
  return { embeddings, errors, left: photos.length - embeddings.size - errors.size };
}
