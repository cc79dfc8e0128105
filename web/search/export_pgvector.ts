// Rows for PostgreSQL with pgvector (https://github.com/pgvector/pgvector), as psql reads them.
import { VitreousError } from '../errors.js';
import { type Sheet, text, wellFormed } from './export_sheet.js';
import type { Entry } from './types.js';

const encoder = new TextEncoder();

export const pgvectorFile = (table: string): Sheet => ({
  name: 'index.sql',
  type: 'application/sql',
  async *bytes(entries, { dim, metric }) {
    const name = identifier(table);
    const operator = metric === 'cosine' ? '<=>' : '<#>';
    yield encoder.encode(`-- Nearest first: SELECT id FROM ${name} ORDER BY embedding ${operator} '[…]' LIMIT 10;
BEGIN;
SET LOCAL client_encoding = 'UTF8';
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE ${name} (id text PRIMARY KEY, metadata jsonb, embedding vector(${dim}) NOT NULL);
COPY ${name} (id, metadata, embedding) FROM stdin;
`);
    yield* text(entries, row);
    yield encoder.encode('\\.\nCOMMIT;\n');
  },
});

/** https://www.postgresql.org/docs/current/sql-copy.html, "Text Format" */
function row({ id, metadata, vector }: Entry): string {
  const json = metadata === undefined ? undefined : JSON.stringify(metadata);
  // JSON may spell out what jsonb, which keeps characters, cannot hold.
  if (id.includes('\0') || (json !== undefined && hasNonCharacter(metadata)))
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `PostgreSQL has no character U+0000 and no half surrogate pairs, which are in the entry ${JSON.stringify(id)}.`,
    );
  return `${escaped(wellFormed(id))}\t${json === undefined ? '\\N' : escaped(json)}\t[${vector.join(',')}]\n`;
}

const ESCAPES: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };
const escaped = (value: string) => value.replace(/[\\\t\n\r]/g, (character) => ESCAPES[character] as string);

function hasNonCharacter(value: unknown): boolean {
  if (typeof value === 'string') return /\0|\p{Surrogate}/u.test(value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some((pair) => pair.some(hasNonCharacter));
}

/** https://www.postgresql.org/docs/current/sql-syntax-lexical.html, quoted identifiers; at most 63 bytes count. */
function identifier(name: string): string {
  if (name.includes('\0') || name === '' || encoder.encode(name).length > 63)
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `A table's name has 1 to 63 bytes, unlike ${JSON.stringify(name)}.`,
    );
  return `"${name.replaceAll('"', '""')}"`;
}
