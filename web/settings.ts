/** Settings of the library; each call of createModel reads them anew. */
export const env = {
  /** Where models come from that are neither packaged nor cached: a hub, a mirror of it, or a folder of one's own. */
  hub: 'https://huggingface.co',
  /** Where a file is below `hub`. `{repo}` is `timm/<name>`, or the name itself if it has a slash. */
  hubPath: '{repo}/resolve/{revision}/{file}',
  /** Bytes that the cache may take. The files that were used longest ago go first. */
  cacheBudget: 2 * 2 ** 30,
  /** Milliseconds without a byte after which a connection counts as broken. */
  stallTimeout: 30_000,
  /** Tries in a row that bring no byte, before a download gives up. */
  retries: 5,
  /** Milliseconds before the next try where the last one brought bytes; they double with each that brings none. */
  retryDelay: 500,
};

export type Settings = typeof env;

/** How files are fetched; it can be posted to a worker. */
export interface Access {
  /** Where files are kept: in this library's cache, in the browser's HTTP cache only, or nowhere. */
  cache: 'own' | 'http' | 'none';
  /** Go to `origin` only. */
  headers: Record<string, string> | undefined;
  origin: string | undefined;
  settings: Settings;
}
