declare module '#glue' {
  const createEngine: import('./engine/module.js').CreateEngine;
  export default createEngine;
}

declare module '#models' {
  const models: readonly import('./engine/module.js').ModelEntry[];
  export default models;
}

declare module '*.txt' {
  const text: string;
  export default text;
}

/** The package's version, put in by the build. */
declare const VERSION: string;
