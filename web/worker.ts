// The engine's script: one self-contained file (no import, no import.meta, no top-level await), so that every bundler and
// every content security policy takes it as it is. It is told the addresses of everything it needs.
//
// It is run as a worker, and as each of the threads of that worker; or a page, or a user's own worker, imports it to have
// the engine in its own thread (engine/here.ts).
import createEngine from '#glue';
import { ENGINE, type EngineSlot } from './engine/here.js';
import type { FromWorker } from './engine/protocol.js';
import { serve } from './engine/serve.js';
import { pageObstacle, type ThreadsState } from './engine/threads.js';

const scope = self as unknown as DedicatedWorkerGlobalScope;
const slot = (self as EngineSlot)[ENGINE];

/** Serves the page that made this worker. */
function serveParent() {
  // A thread is this same file once more, in a worker of the same script type: bundlers may have changed that from module
  // to classic, and only modules refuse importScripts.
  let type: WorkerType = 'classic';
  try {
    self.importScripts();
  } catch {
    type = 'module';
  }
  /** Of the threads that are starting; those that do not start are none to miss. */
  let alarms: MessagePort[] = [];
  self.Worker = class extends self.Worker {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(url, { ...options, type });
      // One end is the thread's, the other the page's: nobody here will hear of the thread's end.
      const { port1, port2 } = new MessageChannel();
      this.postMessage({ alarm: port2 }, [port2]);
      alarms.push(port1);
    }
  };
  const parts = {
    single: createEngine,
    threaded: async () => createEngine,
    script: self.location.href,
    onThreads(threads: ThreadsState) {
      if (threads === 'starting') alarms = [];
      if (threads === 'started')
        for (const alarm of alarms) scope.postMessage({ alarm } satisfies FromWorker, [alarm]);
      scope.postMessage({ threads } satisfies FromWorker);
    },
  };
  serve(scope, { parts, obstacle: pageObstacle() });
}

/** In a thread messages are the glue's, but for the alarm. */
function beThread() {
  scope.addEventListener('message', ({ data: { alarm } }) => {
    if (alarm) scope.addEventListener('error', ({ message }) => alarm.postMessage(message));
  });
}

if (slot !== undefined || typeof DedicatedWorkerGlobalScope === 'undefined') {
  const obstacle = 'threads need a worker of the engine’s own, not worker: false or a worker of the page’s';
  (self as EngineSlot)[ENGINE] = {
    serve: (port) => serve(port, { parts: { single: createEngine }, obstacle }),
  };
} else if (self.name.startsWith('em-pthread')) beThread();
else serveParent();
