/**
 * An index for NumPy, Parquet, PostgreSQL with pgvector, Qdrant, and back: an entry of its own, because not every page that
 * searches needs it.
 * @packageDocumentation
 */
export { type ErrorCode, VitreousError } from './errors.js';
export {
  EXPORT_FORMATS,
  type ExportedFile,
  type ExportFormat,
  type ExportOptions,
  exportIndex,
} from './search/export.js';
export {
  type ImportFiles,
  type ImportOptions,
  type ImportSource,
  importIndex,
  openImport,
} from './search/import.js';
