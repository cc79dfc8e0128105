/** The arguments, and in the place of a `-` the names that come by the standard input, each as soon as it is there. */
export async function* namesIn(files: string[], end: '\n' | '\0'): AsyncGenerator<string> {
  for (const file of files) {
    if (file === '-') yield* names(process.stdin, end);
    else yield file;
  }
}

async function* names(input: AsyncIterable<Uint8Array>, end: '\n' | '\0'): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  // Lists that Windows made have lines that end in two characters.
  const name = (text: string) => (end === '\n' ? text.replace(/\r$/, '') : text);
  let rest = '';
  for await (const bytes of input) {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split(end);
    rest = parts.pop() as string;
    for (const part of parts) yield name(part);
  }
  rest += decoder.decode();
  if (rest !== '') yield name(rest);
}
