import { fromDrop, fromFiles, fromInput, type Picked } from './files.js';

/** Photos that are chosen, dropped on the page, or pasted. A part of the page may take a drop for itself. */
export function listenForFiles(
  inputs: { files: HTMLInputElement; folder: HTMLInputElement },
  add: (picked: Picked) => void,
  fail: (error: unknown) => void,
): void {
  for (const input of Object.values(inputs)) input.addEventListener('change', () => add(fromInput(input)));

  document.addEventListener('paste', (event) => {
    const files = Array.from(event.clipboardData?.files ?? []);
    if (files.length === 0) return;
    event.preventDefault();
    add(fromFiles(files));
  });

  let depth = 0;
  const dropping = (change: number) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle('is-dropping', depth > 0);
  };
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files');
  document.addEventListener('dragenter', (event) => hasFiles(event) && dropping(1));
  document.addEventListener('dragleave', (event) => hasFiles(event) && dropping(-1));
  document.addEventListener('dragover', (event) => hasFiles(event) && event.preventDefault());
  document.addEventListener('drop', async (event) => {
    dropping(-depth);
    if (!event.dataTransfer || !hasFiles(event) || event.defaultPrevented) return;
    event.preventDefault();
    try {
      add(await fromDrop(event.dataTransfer));
    } catch (error) {
      fail(error);
    }
  });
}
