import { flushCompileCache } from 'node:module';
import type { MessagePort } from 'node:worker_threads';
import type { DataPlane } from '../listen/data-plane.ts';
import { CellClient } from './cells.ts';
import { ChildClient } from './child-client.ts';
import type { DataPlaneModule, WorkerContext } from './context.ts';
import { Forwarder } from './forward.ts';
import type { FromWorker, ToWorker, WorkerData } from './messages.ts';
import { SessionCodec } from './sessions.ts';
import { WorkerLog } from './worker-log.ts';

/** Topic under which the supervisor asks for metrics. */
const METRICS = 'metrics';

/**
 * A worker thread's life: makes the data plane of the module that it was told, and does what the supervisor says.
 * What is thrown outside of a request ends the worker; the supervisor replaces it.
 */
export async function runWorker(data: WorkerData, port: MessagePort): Promise<void> {
  const post = (message: FromWorker) => port.postMessage(message);
  const log = new WorkerLog(data.logLevel, post);
  const children = new ChildClient(post);
  const forward = new Forwarder(data.worker, data.socketDirectory);
  const answers = new Map<string, (payload: unknown) => unknown>();
  const levelListeners: ((level: string) => void)[] = [];
  const answer = (topic: string, handler: (payload: unknown) => unknown) => {
    if (answers.has(topic)) throw new Error(`"${topic}" is answered already`);
    answers.set(topic, handler);
  };
  const context: WorkerContext = {
    worker: data.worker,
    settings: data.settings,
    accept: data.accept,
    log,
    outputLock: data.outputLock,
    cells: new CellClient(data.cells, data.worker.epoch),
    sessions: new SessionCodec(data.sessionKey, data.worker),
    forward,
    children,
    telemetry: {
      onMetricsRequest: (handler) => answer(METRICS, handler),
      onLogLevel(listener) {
        levelListeners.push(listener);
        listener(log.level);
      },
    },
    answer,
  };

  for (const extension of data.extensions) await import(extension);
  const module = (await import(data.dataPlane)) as DataPlaneModule;
  await forward.open();
  const dataPlane = await module.createDataPlane(context);

  const ask = (topic: string, payload: unknown) => {
    const handler = answers.get(topic);
    if (handler === undefined) throw new Error(`nobody answers "${topic}"`);
    return handler(payload);
  };

  /** Answers with what `work` gives, or with why it could not. */
  const reply = async (id: number, work: () => unknown) => {
    try {
      post({ type: 'done', id, value: await work() });
    } catch (error) {
      post({ type: 'failed', id, message: error instanceof Error ? error.message : String(error) });
    }
  };

  port.on('message', (message: ToWorker) => {
    switch (message.type) {
      case 'ask':
        return void reply(message.id, () => ask(message.topic, message.payload));
      case 'logLevel':
        log.level = message.level;
        for (const listener of levelListeners) listener(message.level);
        return;
      case 'childStarted':
        return children.started(message.request, message.child);
      case 'childRefused':
        return children.refused(message.request, message.message);
      case 'childExited':
        return children.exited(message.child, message.exit);
      default:
        return void reply(message.id, () => steer(dataPlane, forward, message));
    }
  });
  post({ type: 'started' });
  // A thread that is ended by its supervisor writes nothing of it by itself.
  flushCompileCache();
}

type Steering = Extract<ToWorker, { readonly type: 'prepare' | 'commit' | 'rollback' | 'drain' | 'close' }>;

function steer(dataPlane: DataPlane, forward: Forwarder, message: Steering): Promise<void> | void {
  switch (message.type) {
    case 'prepare':
      return dataPlane.prepare(message.delta);
    case 'commit':
      return dataPlane.commit();
    case 'rollback':
      return dataPlane.rollback();
    case 'drain':
      return dataPlane.drain();
    case 'close':
      return dataPlane.close().finally(() => forward.close());
  }
}
