/** Entry of the thread that computes slow hashes for a worker's event loop. */
import { parentPort } from 'node:worker_threads';
import { verifyPassword } from './verify.ts';

/** A question to the thread; the answer is the id and whether the password is right. */
export interface Question {
  readonly id: number;
  readonly password: string;
  readonly hash: string;
}

parentPort?.on('message', ({ id, password, hash }: Question) => {
  parentPort?.postMessage([id, verifyPassword(password, hash)]);
});
