import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './fault.ts';

/** A piece of a body that is about to be sent. */
export interface GatePoint {
  /** Path of the request. */
  readonly path: string;
  /** Number of the piece, from 0. */
  readonly index: number;
  readonly text: string;
}

/** Lets a piece go, at once or when its promise is fulfilled. */
export type Gate = (point: GatePoint) => void | Promise<void>;

/** An answer, ready to be sent. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** One for a plain body; one per event of a stream. */
  readonly pieces: readonly string[];
}

/** How an answer is sent. */
export interface Pace {
  readonly gate: Gate | undefined;
  /** Milliseconds before each piece; 0 is none. */
  readonly delay: number;
}

/** Sends an answer as fast as the client reads and the pace allows, and breaks it off where the fault says so. */
export async function play(
  response: ServerResponse,
  path: string,
  answer: Answer,
  pace: Pace,
  fault: Fault | null,
): Promise<void> {
  response.writeHead(answer.status, answer.headers);
  const end = breakAt(answer, fault);
  let sent = 0;
  for (const [index, text] of answer.pieces.entries()) {
    await pace.gate?.({ path, index, text });
    if (pace.delay > 0) await sleep(pace.delay);
    if (response.destroyed) return;
    const bytes = Buffer.from(text);
    if (sent + bytes.length > end) {
      breakOff(response, bytes.subarray(0, end - sent), fault);
      return;
    }
    sent += bytes.length;
    if (!response.write(bytes)) await drained(response);
  }
  if (end === sent) breakOff(response, Buffer.alloc(0), fault);
  else response.end();
}

function breakAt(answer: Answer, fault: Fault | null): number {
  if (fault === null || !['cut', 'reset', 'stall'].includes(fault.kind)) return Number.POSITIVE_INFINITY;
  const length = answer.pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0);
  return Math.min(fault.at ?? length >> 1, length);
}

function breakOff(response: ServerResponse, last: Buffer, fault: Fault | null): void {
  const { socket } = response;
  const act = () => {
    if (fault?.kind === 'cut') socket?.end();
    else if (fault?.kind === 'reset') socket?.resetAndDestroy();
  };
  if (last.length > 0) response.write(last, act);
  else {
    response.flushHeaders();
    // What is in the socket's hands already goes first.
    socket?.write('', act);
  }
}

async function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) return;
  const closed = new AbortController();
  const close = () => closed.abort();
  response.once('close', close);
  await once(response, 'drain', { signal: closed.signal }).catch(() => undefined);
  response.off('close', close);
}
