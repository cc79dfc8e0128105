// Keeps what goes wrong in this page or worker, before anything else runs: uncaught errors, rejections that nobody
// handles, violations of the content security policy, and what is written to the console as an error or a warning.
globalThis.problems = [];
for (const type of ['error', 'warn']) {
  const original = console[type];
  console[type] = (...args) => {
    globalThis.problems.push(`${type}: ${args.join(' ')}`);
    original.apply(console, args);
  };
}
addEventListener('error', ({ message, filename, lineno }) => {
  globalThis.problems.push(`uncaught: ${message} (${filename}:${lineno})`);
});
addEventListener('unhandledrejection', ({ reason }) => {
  globalThis.problems.push(`unhandled: ${reason?.stack ?? reason}`);
});
addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
  globalThis.problems.push(`policy: ${violatedDirective} ${blockedURI}`);
});
