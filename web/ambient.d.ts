declare module '#glue' {
  const createEngine: import('./engine/module.js').CreateEngine;
  export default createEngine;
}

declare module '#glue-mt' {
  const createEngine: import('./engine/module.js').CreateEngine;
  export default createEngine;
}

declare module '*.txt' {
  const text: string;
  export default text;
}

/** The package's version, put in by the build. */
declare const VERSION: string;
