import { useEffect, useState } from 'react';
import { cosineSimilarity } from 'vitreous';
import { useEmbeddings } from './useEmbeddings';
import { useVitreous } from './useVitreous';

/** Drop photos, choose one, and the others line up by likeness. */
export function App() {
  const state = useVitreous('vit_nano_patch16_224');
  const [photos, setPhotos] = useState<File[]>([]);
  const [chosen, setChosen] = useState<File>();
  const { embeddings, errors, left } = useEmbeddings(
    state.status === 'ready' ? state.model : undefined,
    photos,
  );
  const add = (files: FileList) => {
    const known = new Set(photos.map(keyOf));
    setPhotos([...photos, ...Array.from(files).filter((file) => !known.has(keyOf(file)))]);
  };

  const query = chosen && embeddings.get(chosen);
  const score = (photo: File) => {
    const embedding = embeddings.get(photo);
    return query && embedding ? cosineSimilarity(query, embedding) : Number.NEGATIVE_INFINITY;
  };
  const shown = photos.filter((photo) => !errors.has(photo));
  if (query) shown.sort((a, b) => score(b) - score(a));

  return (
    <main
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        add(event.dataTransfer.files);
      }}
    >
      <h1>Similar photos</h1>
      <label>
        Drop photos here, or choose some:{' '}
        <input
          type="file"
          multiple
          accept="image/*"
          onChange={(event) => event.target.files && add(event.target.files)}
        />
      </label>
      <p role="status">
        {state.status === 'loading' && `Loading the model … ${percent(state.progress)}`}
        {state.status === 'ready' &&
          (left > 0 ? `${left} of ${photos.length} photos to go` : `${embeddings.size} photos`)}
      </p>
      {state.status === 'error' && (
        <p role="alert">
          {state.error.message}{' '}
          <button type="button" onClick={state.retry}>
            Try again
          </button>
        </p>
      )}
      {[...errors].map(([photo, error]) => (
        <p role="alert" key={keyOf(photo)}>
          {photo.name}: {error.message}
        </p>
      ))}
      <ul>
        {shown.map((photo) => (
          <li key={keyOf(photo)}>
            <button type="button" aria-pressed={photo === chosen} onClick={() => setChosen(photo)}>
              <Picture photo={photo} />
              {query && embeddings.has(photo) && <span>{score(photo).toFixed(3)}</span>}
            </button>
          </li>
        ))}
      </ul>
    </main>
  );
}

function Picture({ photo }: { photo: File }) {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    const made = URL.createObjectURL(photo);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [photo]);
  return <img src={url} alt={photo.name} />;
}

const percent = (progress?: { loaded: number; total: number | undefined }) =>
  progress?.total ? `${Math.floor((100 * progress.loaded) / progress.total)} %` : '';

const keyOf = ({ name, size, lastModified }: File) => `${name} ${size} ${lastModified}`;
